"""Memory of a piece of code, from torch's own account of its allocations: the same at every run."""

from torch.profiler import ProfilerActivity, profile


def peak_bytes(run):
    """The most that tensors on the CPU took at a time while `run()` ran, beyond what they took before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    return peak
