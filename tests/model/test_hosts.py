"""The action token in Qwen2.5-VL and Qwen3-VL of transformers."""

import pytest
import torch

from llavaction.model.config import ActionSupervision, Distillation, SupervisedLayers
from llavaction.model.hosts.host import ActionTokenHost
from llavaction.utils.errors import CheckpointError, ConfigError, DataError
from tests.model.tiny_hosts import ACTION, COUNTS, HOSTS, VIDEO, make_host, make_model, objective, processed, video_text

pytestmark = pytest.mark.thorough


@pytest.fixture(params=HOSTS)
def name(request):
    return request.param


@torch.no_grad()
def test_without_action_tokens_the_host_is_as_before(name):
    host, inputs = make_host(name), processed(name, labels=False)
    expected = make_model(name)(**inputs).logits
    assert torch.equal(host(**inputs).logits, expected)
    assert torch.equal(host.model(**inputs).logits, expected)
    assert host(**inputs).action_logits.verb.shape == (0, 2)
    text = {"input_ids": torch.tensor([[5, 7, 8]])}
    assert torch.equal(host(**text).logits, host.model(**text).logits)


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("supervision", [ActionSupervision.ONE_TOKEN, ActionSupervision.THREE_TOKENS])
@torch.no_grad()
def test_action_tokens_are_text_with_embeddings_of_ours(name, supervision, left):
    """With the embeddings of words as its vectors the host reads as if these words stood there, positions included."""
    host = make_host(name, supervision)
    words = torch.tensor([20, 21, 22][: host.tokens.num_action_tokens])
    host.action_token.embedding.copy_(host.model.get_input_embeddings()(words))
    inputs = host.insert_action_tokens(processed(name, left=left, labels=False))
    is_action = inputs["input_ids"] == ACTION
    spelled = {**inputs, "input_ids": inputs["input_ids"].masked_scatter(is_action, words.repeat(2))}
    shown = inputs["attention_mask"].bool()
    assert torch.allclose(host(**inputs).logits[shown], host.model(**spelled).logits[shown], atol=1e-5)


@pytest.mark.parametrize("left", [False, True])
def test_places_are_behind_the_video(name, left):
    host = make_host(name, ActionSupervision.THREE_TOKENS)
    before = processed(name, left=left)
    after = host.insert_action_tokens(before)
    video = video_text(name, 2)
    first, second = ([5, *video, *[ACTION] * 3, *words] for words in ([7], [7, 8]))
    assert after["input_ids"].tolist() == [[0, *first] if left else [*first, 0], second]
    assert after["labels"][1].tolist() == [-100] * (len(second) - 2) + [7, 8]
    assert torch.equal(after["attention_mask"], (after["input_ids"] != 0).long())
    assert torch.equal(after["mm_token_type_ids"], (after["input_ids"] == VIDEO) * 2)
    assert after["pixel_values_videos"] is before["pixel_values_videos"]
    assert host.action_samples(after["input_ids"]).tolist() == [0, 1]


def test_text_rows_get_masked_padding_and_no_action(name):
    host = make_host(name)
    inputs = processed(name, colours=((1.0, 0.0, 0.0),))
    length = inputs["input_ids"].shape[1]
    inputs["input_ids"] = torch.cat([inputs["input_ids"], torch.full((1, length), 9)])
    for key, fill in (("attention_mask", 1), ("mm_token_type_ids", 0), ("labels", 9)):
        inputs[key] = torch.cat([inputs[key], torch.full((1, length), fill)])
    after = host.insert_action_tokens(inputs)
    assert after["input_ids"][1].tolist() == [0] + [9] * length
    assert after["attention_mask"][1].tolist() == [0] + [1] * length
    assert after["labels"][1].tolist() == [-100] + [9] * length
    output = host(**after, action_labels=torch.tensor([[0, 1, 1], [-1, -1, -1]]))
    assert output.action_rows.tolist() == [0]
    with torch.no_grad():
        text = host.model(input_ids=torch.full((1, length), 9)).logits
        kept = {key: value for key, value in after.items() if key != "labels"}
        assert torch.allclose(host(**kept).logits[1, 1:], text[0], atol=1e-5)
    with pytest.raises(DataError, match="class label and no action token"):
        host(**after, action_labels=torch.tensor([[0, 1, 1], [0, 1, 1]]))


def test_texts_alone_stay_as_they_are(name):
    inputs = {"input_ids": torch.tensor([[5, 7, 8]])}
    assert make_host(name).insert_action_tokens(inputs) == inputs


def test_padding_side_and_company_do_not_matter(name):
    host = make_host(name)
    colours = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    with torch.no_grad():
        right, left = (
            host(**host.insert_action_tokens(processed(name, colours, left=left, labels=False)))
            for left in (False, True)
        )
        inputs = host.insert_action_tokens(processed(name, colours, labels=False))
        half = len(inputs["pixel_values_videos"]) // 2
        alone = {key: value[1:] for key, value in inputs.items()}
        alone["pixel_values_videos"] = inputs["pixel_values_videos"][half:]
        single = host(**alone)
    assert torch.allclose(right.action_logits.action, left.action_logits.action, atol=1e-5)
    assert torch.allclose(single.action_logits.action[0], right.action_logits.action[1], atol=1e-5)
    assert torch.allclose(single.logits[0], right.logits[1], atol=1e-5)


@pytest.mark.parametrize("distillation", [Distillation.NONE, Distillation.FROM_LAST])
@pytest.mark.parametrize("layers", SupervisedLayers)
def test_losses_are_the_objective_on_the_hosts_own_hidden_states(name, layers, distillation):
    host = make_host(name, ActionSupervision.THREE_TOKENS, objective(layers, distillation))
    inputs = host.insert_action_tokens(processed(name))
    labels = torch.tensor([[0, 1, 2], [1, 0, 3]])
    output = host(**inputs, action_labels=labels)
    with host._hosting():
        whole = host.model(**inputs, output_hidden_states=True)
    is_action = inputs["input_ids"] == ACTION
    states = [layer[is_action].view(2, 3, -1) for layer in whole.hidden_states]
    terms = host.objective.class_losses(host.action_token, states, labels, None)
    assert torch.allclose(output.lm_loss, whole.loss)
    for ours, expected in zip((output.verb_loss, output.noun_loss, output.action_loss), terms, strict=True):
        assert torch.allclose(ours, expected)
    total = output.lm_loss + 0.5 * output.verb_loss + 0.5 * output.noun_loss + 0.1 * output.action_loss
    if distillation is not Distillation.NONE:
        assert torch.allclose(output.distill_loss, host.objective.distillation_loss(states, None))
        total = total + 0.1 * output.distill_loss
    assert torch.allclose(output.loss, total)


def test_global_counts_replace_the_own(name):
    host = make_host(name)
    inputs = {**host.insert_action_tokens(processed(name)), "action_labels": torch.tensor([[0, 1, 2], [1, 0, 3]])}
    own = host(**inputs)
    shared = host(**inputs, num_items_in_batch=6, num_action_labels=4)
    assert torch.allclose(shared.lm_loss, own.lm_loss * 3 / 6)
    assert torch.allclose(shared.noun_loss, own.noun_loss * 2 / 4)


@pytest.mark.parametrize("frozen", [True, False])
def test_it_trains(name, frozen):
    """Verb: is there red, noun: is there green, action: both. Chance is 1/2 and 1/4."""
    host = make_host(name)
    host.freeze_model(frozen)
    weights = [weight for weight in host.parameters() if weight.requires_grad]
    assert len(weights) == (4 if frozen else len(list(host.parameters())))
    before = {key: value.clone() for key, value in host.model.state_dict().items()}
    others = [weight for weight in host.model.parameters() if weight.requires_grad]
    groups = [{"params": list(host.action_token.parameters()), "lr": 1e-2}, {"params": others, "lr": 2e-3}]
    optimizer = torch.optim.Adam(groups)
    classes = torch.cartesian_prod(torch.arange(2), torch.arange(2))
    colours = [(float(red), float(green), 0.5) for red, green in classes.tolist()]
    labels = torch.cat([classes, classes[:, :1] * 2 + classes[:, 1:]], dim=1)
    losses = []
    for step in range(50):
        inputs = host.insert_action_tokens(processed(name, colours, seed=step))
        output = host(**inputs, action_labels=labels)
        optimizer.zero_grad()
        output.loss.backward()
        assert all(weight.grad is not None for weight in weights)
        assert host.action_token.embedding.grad.abs().sum() > 0
        optimizer.step()
        losses.append(output.verb_loss + output.noun_loss + output.action_loss)
    with torch.no_grad():
        heads = host(**host.insert_action_tokens(processed(name, colours, seed=99))).action_logits
    right = torch.stack([head.argmax(1) for head in heads], dim=1) == labels
    assert losses[-1] < losses[0] / 3
    assert right.float().mean() > 0.9
    unchanged = [torch.equal(value, before[key]) for key, value in host.model.state_dict().items()]
    assert all(unchanged) if frozen else not any(unchanged)


def test_gradient_checkpointing_changes_no_gradient(name):
    """Of a frozen model too, whose own weights ask for none."""
    gradients = []
    for checkpointing in (False, True):
        host = make_host(name, taught=objective(SupervisedLayers.ALL_LAYERS)).train()
        host.freeze_model()
        if checkpointing:
            host.model.gradient_checkpointing_enable()
        inputs = host.insert_action_tokens(processed(name))
        host(**inputs, action_labels=torch.tensor([[0, 1, 2], [1, 0, 3]])).loss.backward()
        gradients.append(host.action_token.embedding.grad)
    assert gradients[0].any() and torch.allclose(*gradients, atol=1e-6)


def test_generation_reads_the_action_token_and_never_says_it(name):
    host = make_host(name)
    inputs = host.insert_action_tokens(processed(name, left=True, labels=False))
    with torch.no_grad():
        # Make the placeholder the likeliest next word.
        best = host(**inputs).logits[0, -1].argmax()
        host.model.lm_head.weight[ACTION] = 2 * host.model.lm_head.weight[best]
        assert host(**inputs).logits[0, -1].argmax() == ACTION
    arguments = {"max_new_tokens": 4, "do_sample": False, "eos_token_id": None}
    cached = host.generate(**inputs, **arguments)
    assert not (cached[:, -4:] == ACTION).any()
    for _ in range(4):
        with torch.no_grad():
            logits = host(**inputs, logits_to_keep=1).logits[:, -1]
        best = logits[:, :ACTION].argmax(-1, keepdim=True)
        for key, new in (("input_ids", best), ("attention_mask", best * 0 + 1), ("mm_token_type_ids", best * 0)):
            inputs[key] = torch.cat([inputs[key], new], dim=1)
    assert cached.tolist() == inputs["input_ids"].tolist()


def test_save_and_load(name, tmp_path):
    host = make_host(name, ActionSupervision.THREE_TOKENS, objective(SupervisedLayers.ALL_LAYERS))
    torch.nn.init.normal_(host.action_token.embedding)
    host.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["action_token.json", "action_token.safetensors"]
    loaded = ActionTokenHost.load(make_model(name), tmp_path)
    assert loaded.objective == host.objective and loaded.tokens == host.tokens
    inputs = host.insert_action_tokens(processed(name, labels=False))
    with torch.no_grad():
        ours, theirs = host(**inputs), loaded(**inputs)
    assert torch.equal(ours.logits, theirs.logits)
    assert all(torch.equal(a, b) for a, b in zip(ours.action_logits, theirs.action_logits, strict=True))


def test_what_does_not_fit_is_refused(tmp_path):
    host = make_host("qwen2_5_vl")
    with pytest.raises(CheckpointError, match="holds no action token"):
        ActionTokenHost.load(host.model, tmp_path)
    host.save(tmp_path)
    settings = (tmp_path / "action_token.json").read_text()
    (tmp_path / "action_token.json").write_text(settings.replace("one_token", "three_tokens"))
    with pytest.raises(CheckpointError, match=r"do not fit this host: (?s:.*)embedding"):
        ActionTokenHost.load(host.model, tmp_path)
    (tmp_path / "action_token.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"action_token\.safetensors.*do not fit"):
        ActionTokenHost.load(host.model, tmp_path)
    (tmp_path / "action_token.json").write_text('{"supervision": "four_tokens"}')
    with pytest.raises(CheckpointError, match="four_tokens"):
        ActionTokenHost.load(host.model, tmp_path)


@pytest.mark.parametrize(("free_id", "what"), [(VIDEO, "video_token_id"), (64, "64 rows"), (-1, "64 rows")])
def test_the_placeholder_must_be_free(free_id, what):
    with pytest.raises(ConfigError, match=rf"{what}.*such as 63"):
        ActionTokenHost(make_model("qwen3_vl"), ActionSupervision.ONE_TOKEN, COUNTS, objective(), free_id)


@pytest.mark.parametrize("supervision", [ActionSupervision.NONE, ActionSupervision.NEWLINE])
def test_supervision_without_a_token_is_refused(supervision):
    with pytest.raises(ConfigError, match="no action token to put"):
        make_host("qwen3_vl", supervision)


def test_a_part_of_the_action_tokens_is_refused():
    host = make_host("qwen3_vl", ActionSupervision.THREE_TOKENS)
    inputs = host.insert_action_tokens(processed("qwen3_vl", labels=False))
    with pytest.raises(DataError, match="already; insert action tokens once"):
        host.insert_action_tokens(inputs)
    with pytest.raises(DataError, match="position_ids were counted without"):
        host.insert_action_tokens({**processed("qwen3_vl"), "position_ids": inputs["input_ids"]})
    inputs["input_ids"][0, (inputs["input_ids"][0] == ACTION).nonzero()[0]] = 7
    with pytest.raises(DataError, match=r"rows hold \[2, 3\] action tokens; each must hold 3 or none"):
        host(**inputs)


def test_same_seed_same_token():
    tokens = [make_host("qwen3_vl").action_token.embedding for _ in range(2)]
    assert torch.equal(*tokens)
    other = ActionTokenHost(
        make_model("qwen3_vl"), ActionSupervision.ONE_TOKEN, COUNTS, objective(), action_token_id=ACTION, seed=1
    )
    assert not torch.equal(tokens[0], other.action_token.embedding)
