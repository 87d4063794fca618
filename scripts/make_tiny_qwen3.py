"""Make a tiny Qwen3-MoE model directory that the real vLLM engine serves, and whose every word is known beforehand.

    python scripts/make_tiny_qwen3.py OUT_DIR

Needs numpy and tokenizers (both are in the engine's environment), no torch and no network; takes under a second, and
gives the same bytes each time. The directory (1.4 MB) has the weights, the tokenizer, the chat template and the
configuration of `Qwen3MoeForCausalLM`, in miniature.

How the words come to be known: embedding and output head are a bigram machine, in which each token has one most likely
successor (by some 30 logits, so temperature 1 changes nothing), while attention and experts have small random weights.
The engine does all of its real work, and its text is still fixed:

- a chat turn: REASONING between `<think>` and `</think>`, a blank line, ANSWER, end of turn
- the same with `enable_thinking: false`: ANSWER alone
- a chat turn with tools, the last message no tool's result: TOOL_THOUGHT, then one call of get_weather(city="Paris")
- any other last token, and whatever follows the end of turn under `ignore_eos`: plain words without end, so a test can
  have a stream as long as it likes by `max_tokens`
"""

import argparse
import itertools
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

HIDDEN = 128
LAYERS = 2
HEADS = 4
KV_HEADS = 2
HEAD_DIM = 32  # the CPU's attention kernel knows 32, 64, 80, 96, ...
EXPERTS = 8
EXPERTS_PER_TOKEN = 2
EXPERT_WIDTH = 64
CONTEXT = 40960  # as Qwen3 has it; the engine is started with less

REASONING = "Okay , someone greeted me so let us keep it short"
ANSWER = "Hello ! This tiny model runs inside a real engine and always says these words in order ."
TOOL_THOUGHT = "Now look up what weather they asked about"
TOOL_JSON = ['\n{"name": "get_weather", ', '"arguments": {"city": ', '"Paris"}}\n']
FILLER = (
    "river stone cloud garden window paper silver market winter summer yellow bridge forest candle ocean mirror pocket "
    "letter button travel number signal planet butter dragon lantern flower hammer island jacket kitten ladder "
    "mountain needle orange pencil quiet rabbit saddle thunder umbrella valley whisper zebra anchor basket copper "
    "desert ember falcon glacier harbor"
)

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
TOOL_CUE = "<|tiny_tool|>"  # the template's last token when a tool call is to come; not in the real Qwen3
SPECIAL_TOKENS = [END_OF_TEXT, TURN_START, TURN_END, TOOL_CUE]
# Tokens of their own, but not special: the parsers of the engine look for their text, as with the real Qwen3.
PLAIN_TOKENS = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"]

WORD_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CHAT_TEMPLATE = r"""{%- if tools %}
{{- '<|im_start|>system\n' }}
{%- if messages and messages[0].role == 'system' %}{{- messages[0].content + '\n\n' }}{%- endif %}
{{- '# Tools\n\nYou may call these functions.\n<tools>' }}
{%- for tool in tools %}{{- '\n' + (tool | tojson) }}{%- endfor %}
{{- '\n</tools>\n\nAnswer with <tool_call>\n{"name": NAME, "arguments": OBJECT}\n</tool_call><|im_end|>\n' }}
{%- elif messages and messages[0].role == 'system' %}
{{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
{%- endif %}
{%- for m in messages %}
{%- if m.content is string %}{%- set text = m.content %}{%- else %}{%- set text = '' %}{%- endif %}
{%- if m.role == 'user' or (m.role == 'system' and not loop.first) %}
{{- '<|im_start|>' + m.role + '\n' + text + '<|im_end|>\n' }}
{%- elif m.role == 'assistant' %}
{%- if m.reasoning is string and m.reasoning %}
{%- set text = '<think>\n' + m.reasoning + '\n</think>\n\n' + text %}
{%- endif %}
{{- '<|im_start|>assistant\n' + text }}
{%- for call in (m.tool_calls or []) %}
{%- set fn = call.function if call.function else call %}
{{- '\n<tool_call>\n{"name": "' + fn.name + '", "arguments": ' }}
{{- fn.arguments if fn.arguments is string else (fn.arguments | tojson) }}{{- '}\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\n' }}
{%- elif m.role == 'tool' %}
{{- '<|im_start|>user\n<tool_response>\n' + text + '\n</tool_response><|im_end|>\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}
{%- if tools and messages[-1].role != 'tool' %}{{- '<|tiny_tool|>' }}{%- endif %}
{%- endif %}"""

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Script:
    """What follows what: token ids."""

    successors: dict[int, int]
    unscripted: list[int]
    first_filler: int
    """What follows each unscripted token."""


def main() -> None:
    """Read the arguments, write the directory, say what was written."""
    parser = argparse.ArgumentParser(description="Make a tiny scripted Qwen3-MoE model directory.")
    parser.add_argument("out", type=Path, help="the directory to write")
    parser.add_argument("--seed", type=int, default=0, help="of the weights that carry no words (default 0)")
    arguments = parser.parse_args()
    make_model(arguments.out, np.random.default_rng(arguments.seed))
    size = sum(file.stat().st_size for file in arguments.out.iterdir())
    print(f"{arguments.out}: {size} bytes")


def make_model(out: Path, rng: np.random.Generator) -> None:
    """Write every file of the model directory."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer()
    vocabulary = -(-tokenizer.get_vocab_size() // 64) * 64
    turn_end, end_of_text = token_id(tokenizer, TURN_END), token_id(tokenizer, END_OF_TEXT)
    tokenizer.save(str(out / "tokenizer.json"))
    (out / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    write_json(out / "tokenizer_config.json", tokenizer_config())
    write_json(out / "generation_config.json", generation_config(turn_end, end_of_text))
    write_json(out / "config.json", model_config(vocabulary, turn_end, end_of_text))
    write_safetensors(out / "model.safetensors", dict(weights(rng, vocabulary, write_script(tokenizer))))


def train_tokenizer() -> Tokenizer:
    """A byte-level BPE in which each word of the script is one token; other text falls apart into its letters."""
    corpus = ["the quick brown fox jumps over the lazy dog 0123456789"] * 4
    for word in " ".join([REASONING, ANSWER, TOOL_THOUGHT, FILLER, "system user assistant"]).split():
        corpus += [word, " " + word] * 60
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORD_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1200,
        min_frequency=20,
        special_tokens=[],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),  # it comes in a random order
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL_TOKENS])
    plain = [*PLAIN_TOKENS, "\n\n", *TOOL_JSON]
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in plain])
    return tokenizer


def token_id(tokenizer: Tokenizer, text: str) -> int:
    """The id of a text that must be one token."""
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    if len(ids) != 1:
        raise ValueError(f"{text!r} is {len(ids)} tokens, not one")
    return int(ids[0])


def write_script(tokenizer: Tokenizer) -> Script:
    """Chain the sentences. A token can have one successor only, so no two sentences share a word."""

    def one(text: str) -> int:
        return token_id(tokenizer, text)

    def sentence(text: str) -> list[int]:
        first, *others = text.split()
        return [one(first), *(one(word if word in ",!." else f" {word}") for word in others)]

    filler = [one(f" {word}") for word in FILLER.split()]
    answer = [one("\n\n"), *sentence(ANSWER), one(TURN_END)]
    chat = [one("\n"), one("<think>"), *sentence(REASONING), one("</think>"), *answer]
    call = [one("<tool_call>"), *map(one, TOOL_JSON), one("</tool_call>"), one(TURN_END)]
    chains = [chat, [one(TOOL_CUE), *sentence(TOOL_THOUGHT), *call], [*filler, filler[0]]]
    successors: dict[int, int] = {}
    for token, following in itertools.chain.from_iterable(itertools.pairwise(chain) for chain in chains):
        if successors.setdefault(token, following) != following:
            raise ValueError(f"two successors for {tokenizer.id_to_token(token)!r}")
    unscripted = [token for token in range(tokenizer.get_vocab_size()) if token not in successors]
    return Script(successors, unscripted, filler[0])


def weights(rng: np.random.Generator, vocabulary: int, script: Script) -> Iterator[tuple[str, Array]]:
    """Every tensor by its name in a Qwen3-MoE checkpoint."""
    embedding, head = bigram_machine(rng, vocabulary, script)
    yield "model.embed_tokens.weight", embedding
    for layer in range(LAYERS):
        yield from layer_weights(rng, f"model.layers.{layer}.")
    yield "model.norm.weight", np.ones(HIDDEN)
    yield "lm_head.weight", head


def bigram_machine(rng: np.random.Generator, vocabulary: int, script: Script) -> tuple[Array, Array]:
    """Embedding and head: a successor's row of the head points where its predecessor's embedding points.

    In 128 dimensions random directions are nearly orthogonal, so a successor gets a logit of about 30, and all others
    about 0. The unscripted tokens share a direction, which the first filler word answers to.
    """
    shared = rng.standard_normal(HIDDEN)
    embedding = rng.standard_normal((vocabulary, HIDDEN))
    embedding[script.unscripted] = 0.6 * embedding[script.unscripted] + 0.8 * shared
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    head = np.zeros((vocabulary, HIDDEN))
    for token, successor in script.successors.items():
        head[successor] += unit[token] * (30 / np.sqrt(HIDDEN))
    head[script.first_filler] += shared / np.linalg.norm(shared) * (36 / np.sqrt(HIDDEN))
    return unit * np.sqrt(HIDDEN), head


def layer_weights(rng: np.random.Generator, prefix: str) -> Iterator[tuple[str, Array]]:
    """Attention, router and experts: random, and small beside the embedding that they are added to."""

    def small(*shape: int) -> Array:
        return rng.standard_normal(shape) * 0.02

    yield prefix + "input_layernorm.weight", np.ones(HIDDEN)
    yield prefix + "post_attention_layernorm.weight", np.ones(HIDDEN)
    yield prefix + "self_attn.q_proj.weight", small(HEADS * HEAD_DIM, HIDDEN)
    yield prefix + "self_attn.k_proj.weight", small(KV_HEADS * HEAD_DIM, HIDDEN)
    yield prefix + "self_attn.v_proj.weight", small(KV_HEADS * HEAD_DIM, HIDDEN)
    yield prefix + "self_attn.o_proj.weight", small(HIDDEN, HEADS * HEAD_DIM)
    yield prefix + "self_attn.q_norm.weight", np.ones(HEAD_DIM)
    yield prefix + "self_attn.k_norm.weight", np.ones(HEAD_DIM)
    yield prefix + "mlp.gate.weight", small(EXPERTS, HIDDEN)
    for expert in range(EXPERTS):
        yield f"{prefix}mlp.experts.{expert}.gate_proj.weight", small(EXPERT_WIDTH, HIDDEN)
        yield f"{prefix}mlp.experts.{expert}.up_proj.weight", small(EXPERT_WIDTH, HIDDEN)
        yield f"{prefix}mlp.experts.{expert}.down_proj.weight", small(HIDDEN, EXPERT_WIDTH)


def write_safetensors(path: Path, tensors: dict[str, Array]) -> None:
    """The format is a length, a JSON header and the tensors: https://huggingface.co/docs/safetensors."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    blobs = []
    offset = 0
    for name, tensor in tensors.items():
        blob = bfloat16(tensor).tobytes()
        header[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    path.write_bytes(struct.pack("<Q", len(head)) + head + b"".join(blobs))


def bfloat16(tensor: Array) -> Array:
    """The upper half of a float32, rounded to nearest even; numpy has no such type."""
    bits = np.ascontiguousarray(tensor, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """One configuration file."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def tokenizer_config() -> dict[str, Any]:
    """What transformers needs beside tokenizer.json."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": TURN_END,
        "pad_token": END_OF_TEXT,
        "bos_token": None,
        "unk_token": None,
        "add_bos_token": False,
        "model_max_length": CONTEXT,
        "clean_up_tokenization_spaces": False,
        "errors": "replace",
    }


def generation_config(turn_end: int, end_of_text: int) -> dict[str, Any]:
    """The sampling that Qwen3 ships."""
    return {
        "bos_token_id": end_of_text,
        "eos_token_id": [turn_end, end_of_text],
        "pad_token_id": end_of_text,
        "do_sample": True,
        "temperature": 0.6,
        "top_p": 0.95,
        "top_k": 20,
    }


def model_config(vocabulary: int, turn_end: int, end_of_text: int) -> dict[str, Any]:
    """Qwen3-30B-A3B's configuration with every width cut down."""
    return {
        "architectures": ["Qwen3MoeForCausalLM"],
        "model_type": "qwen3_moe",
        "torch_dtype": "bfloat16",
        "vocab_size": vocabulary,
        "hidden_size": HIDDEN,
        "intermediate_size": EXPERT_WIDTH * 4,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
        "hidden_act": "silu",
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000.0,
        "rope_scaling": None,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "use_sliding_window": False,
        "sliding_window": None,
        "tie_word_embeddings": False,
        "use_cache": True,
        "initializer_range": 0.02,
        "bos_token_id": end_of_text,
        "eos_token_id": turn_end,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "moe_intermediate_size": EXPERT_WIDTH,
        "num_experts": EXPERTS,
        "num_experts_per_tok": EXPERTS_PER_TOKEN,
        "norm_topk_prob": True,
        "output_router_logits": False,
        "router_aux_loss_coef": 0.001,
    }


if __name__ == "__main__":
    main()
