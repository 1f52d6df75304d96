from llavaction.evaluation.processes import from_first


def test_one_process_needs_no_other():
    assert from_first(lambda: "made") == "made"
