import pytest

from llavaction.training.config import TrainConfig
from llavaction.training.steps import plan_steps
from llavaction.utils.errors import ConfigError


@pytest.mark.parametrize("num_processes", [1, 2, 8, 32])
def test_a_global_batch_is_the_same_on_any_number_of_processes(num_processes):
    plan = plan_steps(TrainConfig(global_batch_size=64), 1000, num_processes)
    assert plan.samples_per_step == 64 and plan.num_steps == 15
    assert plan.accumulation == 64 // num_processes


def test_without_one_it_grows_with_the_processes():
    plan = plan_steps(TrainConfig(batch_size=3, gradient_accumulation=2), 1000, 4)
    assert plan.samples_per_step == 24 and plan.num_steps == 41 and plan.num_samples == 984


def test_a_global_batch_that_the_processes_cannot_share():
    with pytest.raises(ConfigError, match=r"global_batch_size = 64 is not a multiple of the 36 samples"):
        plan_steps(TrainConfig(global_batch_size=64, batch_size=3), 1000, 12)


def test_too_few_samples_for_a_step():
    with pytest.raises(ConfigError, match="do not fill one step of 64"):
        plan_steps(TrainConfig(global_batch_size=64), 63, 2)


def test_two_sizes_of_a_step():
    with pytest.raises(ConfigError, match="both say how large a step is"):
        TrainConfig(global_batch_size=64, gradient_accumulation=2)
