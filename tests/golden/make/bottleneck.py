# pyright: reportMissingImports=false, reportCallIssue=false
"""What the `adapters` library gives on tiny models: the numbers of tests/parity/test_adapters.py.

    python3 -m venv ENV && ENV/bin/pip install adapters
    ENV/bin/python tests/golden/make/bottleneck.py > tests/golden/bottleneck.json
    ENV/bin/python tests/golden/make/bottleneck.py EXPORT BASE    # what an export answers there

Its pins conflict with ours. Weights come from names alone (`fill`), so that no file holds them.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from collections.abc import Iterable
from typing import Any

import torch

FORMS: dict[str, dict[str, Any]] = {
    "houlsby": {"placement": "houlsby"},
    "pfeiffer": {"placement": "pfeiffer"},
    "parallel": {"parallel": True, "reduction_factor": 4.0},
    "parallel_both": {"placement": "houlsby", "parallel": True, "reduction_factor": 4.0},
}
"""Settings of our tuner; each form with reduction factor 8 unless it says otherwise."""
BERT: dict[str, Any] = {
    "vocab_size": 50, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "max_position_embeddings": 32, "num_labels": 3,
}  # fmt: skip
LLAMA: dict[str, Any] = {
    "vocab_size": 50, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32,
    "tie_word_embeddings": False,
}  # fmt: skip
IDS = [[2, 17, 5, 31, 8, 44, 9, 3], [7, 7, 21, 49, 30, 1, 12, 40]]


@torch.no_grad()
def fill(named: Iterable[tuple[str, torch.Tensor]]) -> None:
    """Set every parameter from its name and its size."""
    for name, parameter in named:
        start = zlib.crc32(name.encode()) % 1000
        wave = [math.sin(0.37 * k + start) for k in range(parameter.numel())]
        size = 0.2 if parameter.ndim > 1 else 0.1
        middle = 1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0
        parameter.copy_((middle + size * torch.tensor(wave).double()).view(parameter.shape))


def measured(model: Any) -> dict[str, Any]:
    """Outputs, and the gradient of their mean square in every adapter weight."""
    logits = model(input_ids=torch.tensor(IDS)).logits
    logits.square().mean().backward()
    gradients = {
        name: [float(p.grad.double().sum()), float(p.grad.double().norm())]
        for name, p in model.named_parameters()
        if ".adapters." in name
    }
    return {"logits": logits.detach().flatten().tolist(), "gradients": gradients}


def main() -> None:
    """Print the numbers."""
    import adapters
    import transformers
    from adapters import BnConfig

    found: dict[str, Any] = {
        "versions": {
            "adapters": adapters.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }
    }
    for form, settings in FORMS.items():
        is_parallel, is_both = settings.get("parallel", False), "houlsby" in settings.values()
        config = BnConfig(
            mh_adapter=is_both,
            output_adapter=True,
            is_parallel=is_parallel,
            reduction_factor=settings.get("reduction_factor", 8.0),
            non_linearity="swish" if is_both and not is_parallel else "relu",
            original_ln_before=form == "pfeiffer",
            scaling=4.0 if is_parallel else 1.0,
        )
        for name, model in (
            ("bert", transformers.BertForSequenceClassification(transformers.BertConfig(**BERT))),
            ("llama", transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA))),
        ):
            adapters.init(model)
            model.add_adapter("luthier", config=config)
            model.train_adapter("luthier")
            fill(model.named_parameters())
            found[f"{name} {form}"] = measured(model.eval())
    json.dump(found, sys.stdout)


def answer(folder: str, base: str) -> None:
    """Print what a base with an exported adapter (and head) says, as the library opens them."""
    import adapters
    import transformers

    config: Any = transformers.AutoConfig.from_pretrained(base)
    is_classifier = config.architectures[0].endswith("ForSequenceClassification")
    factory: Any = transformers.AutoModelForCausalLM
    if is_classifier:
        factory = transformers.AutoModelForSequenceClassification
    model = factory.from_pretrained(base, attn_implementation="eager")
    adapters.init(model)
    model.load_adapter(folder, set_active=True, use_safetensors=True, with_head=is_classifier)
    with torch.no_grad():
        logits = model.eval()(input_ids=torch.tensor(IDS)).logits
    json.dump(logits.flatten().tolist(), sys.stdout)


if __name__ == "__main__":
    answer(*sys.argv[1:]) if len(sys.argv) > 1 else main()
