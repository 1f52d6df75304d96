"""Traces made by hand, cut into parts."""

import pytest

from llavaction.training.profile_summary import ProfiledSteps, parts_table, summary_page
from llavaction.training.timeline import PREFIX, TracePart, read_timeline
from llavaction.utils.errors import DataError

STEPS = ProfiledSteps(5, 6, "a CPU", 2, 1.5, "trace.json.gz")


def event(cat, name, ts, dur, tid=1, **args):
    return {"ph": "X", "cat": cat, "name": name, "ts": ts, "dur": dur, "pid": 1, "tid": tid, "args": args}


def marks(*places):
    return [event("user_annotation", PREFIX + name, ts, 0) for ts, name in places]


def kernel(name, call, ts, dur):
    """Launched at `call`."""
    launch = event("cuda_runtime", "cudaLaunchKernel", call, 1, correlation=call)
    return [launch, event("kernel", name, ts, dur, tid=7, correlation=call)]


def times(timeline):
    return {" ".join(label).removesuffix(" neither"): time for label, time in timeline.times_us().items()}


HOST = [
    event("user_annotation", "ProfilerStep#4", 0, 100),
    event("user_annotation", "ProfilerStep#5", 100, 100),
    *(
        each
        for start in (0, 100)
        for each in (
            event("user_annotation", "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__", start + 2, 8),
            *marks(
                (start + 20, "other neither"),
                (start + 25, "vision forward"),
                (start + 35, "decoder forward"),
                (start + 45, "loss backward"),
                (start + 50, "decoder backward"),
                (start + 70, "optimiser neither"),
                (start + 90, "other neither"),
            ),
        )
    ),
]


def test_on_a_cpu_the_host_says_what_is_computed():
    timeline = read_timeline({"traceEvents": [*HOST, {"ph": "M", "name": "process_name"}]})
    assert timeline.num_steps == 2 and timeline.duration_us == 200
    assert times(timeline) == {
        "data": 16,
        "other": 2 * (2 + 15 + 10),
        "vision forward": 20,
        "decoder forward": 20,
        "loss backward": 10,
        "decoder backward": 40,
        "optimiser": 40,
    }


def test_on_a_cpu_exchange_counts_where_no_operator_runs():
    exchange = event("user_annotation", "gloo:all_reduce", 60, 20, tid=2)
    operators = [event("cpu_op", "aten::mm", 60, 5), event("cpu_op", "c10d::allreduce_", 66, 14)]
    timeline = read_timeline({"traceEvents": [*HOST, exchange, *operators]})
    assert timeline.communication_us == 20
    found = times(timeline)
    # Of the 20, operators run for 5, the backward pass goes on for 10, and the optimiser has begun for 10.
    assert found["communication"] == 15
    assert found["decoder backward"] == 40 - 5 and found["optimiser"] == 40 - 10
    assert sum(found.values()) == 200


def test_operators_count_without_those_that_they_call():
    operators = [
        event("cpu_op", "aten::linear", 0, 10),
        event("cpu_op", "aten::mm", 2, 6),
        event("cpu_op", "aten::linear", 10, 5),
        event("cpu_op", "aten::mm", 0, 3, tid=2),
    ]
    kernels = read_timeline({"traceEvents": [*HOST, *operators]}).kernels
    assert kernels == [("aten::linear", 2, 9), ("aten::mm", 2, 9)]


def test_on_a_gpu_kernels_belong_to_who_launched_them():
    events = [
        *HOST,
        # Launched by the tower, run while the host is in the decoder.
        *kernel("gemm", 26, 30, 20),
        *kernel("gemm", 36, 50, 10),
        # Beside the one before, and longer.
        *kernel("relu", 37, 55, 10),
        *kernel("ncclDevKernel_AllGather", 40, 60, 20),
        *kernel("gemm", 51, 85, 5),
    ]
    timeline = read_timeline({"traceEvents": events})
    found = times(timeline)
    assert found["vision forward"] == 20
    assert found["decoder forward"] == 15
    assert found["decoder backward"] == 5
    assert found["communication"] == 15 and timeline.communication_us == 20
    # The GPU does nothing while the loader is waited for, and is idle for the rest.
    assert found["data"] == 16
    assert found["idle"] == 200 - 20 - 15 - 5 - 15 - 16
    assert timeline.kernels == [("gemm", 3, 35), ("relu", 1, 10)]


def test_segments_leave_no_gap_and_do_not_overlap():
    timeline = read_timeline({"traceEvents": [*HOST, *kernel("gemm", 26, -5, 50), *kernel("gemm", 195, 190, 40)]})
    assert timeline.segments[0].start == 0 and timeline.segments[-1].end == 200
    ends = [segment.end for segment in timeline.segments[:-1]]
    assert ends == [segment.start for segment in timeline.segments[1:]]


def test_a_trace_without_steps_is_refused():
    with pytest.raises(DataError, match="no step"):
        read_timeline({"traceEvents": marks((0, "vision forward"))})


def test_the_page_has_a_row_for_each_part():
    timeline = read_timeline({"traceEvents": HOST})
    table = parts_table(timeline)
    cells = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in table[2:]}
    # Idleness is not seen on a CPU.
    assert list(cells) == [*(part.value for part in TracePart if part is not TracePart.IDLE), "step"]
    assert cells["vision"][3] == "10.0%" and cells["projector"][3] == "0.0%" and cells["step"][3] == "100.0%"
    assert len({len(line) for line in table}) == 1
    page = summary_page(timeline, STEPS)
    assert "steps 5 to 6" in page and "of 2 processes" in page and "trace.json.gz" in page
