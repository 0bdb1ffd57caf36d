"""
Writes the weights that llama.cpp's server is tried with, as GGUF: `chat.gguf`, `embedding.gguf` and `rerank.gguf`.

    python3 llamacpp-weights.py <folder of all-MiniLM-L6-v2> <where to>
"""
import json
import struct
import sys

import gguf
import numpy as np

CALL = ["<tool_call>", '\n{"name": "', "weather", '", "arguments": {"city": "', "Oslo", '"}}', "\n</tool_call>"]
ANSWER = ["A", " small", " model", " answers", " this", " to", " everybody", "."]

# That of Hermes 2 and Qwen 2.5, of which the server reads how tools are called.
TEMPLATE = """{%- if tools %}<|im_start|>system
You may call functions. They are within <tools></tools>:
<tools>
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
</tools>
For each call answer with an object within <tool_call></tool_call>:
<tool_call>
{"name": <name>, "arguments": <arguments>}
</tool_call><|im_end|>
{% endif %}
{%- for message in messages %}
{%- if message.role == "assistant" and message.tool_calls %}<|im_start|>assistant
{%- if message.content %}
{{ message.content }}
{%- endif %}
{%- for call in message.tool_calls %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% elif message.role == "tool" %}<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% else %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% if tools and messages[-1].role != "tool" %}<|plan|>{% endif %}
{%- endif %}"""


def chat(path):
    """
    A model of the architecture of Llama that says one sentence, or calls one tool where it has tools: no registry has the weights of a chat
    model. Its layer adds nothing; the token that follows each is written into its last matrix.
    """
    special = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|plan|>"]
    words = [word.replace(" ", "\u2581") for word in ANSWER + CALL]
    tokens = special + [f"<0x{b:02X}>" for b in range(256)] + words
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * len(words)
    width = -(-len(tokens) // 64) * 64
    while len(tokens) < width:
        tokens.append(f"<unused{len(tokens)}>")
        kinds.append(gguf.TokenType.UNUSED)
    w = gguf.GGUFWriter(path, "llama")
    w.add_name("one-sentence")
    w.add_context_length(8192)
    w.add_embedding_length(width)
    w.add_block_count(1)
    w.add_feed_forward_length(64)
    w.add_head_count(4)
    w.add_head_count_kv(4)
    w.add_rope_dimension_count(width // 4)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(len(tokens))
    w.add_tokenizer_model("llama")
    w.add_token_list(tokens)
    w.add_token_scores([0.0] * len(tokens))
    w.add_token_types(kinds)
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_eot_token_id(4)
    w.add_unk_token_id(0)
    w.add_add_bos_token(True)
    w.add_add_space_prefix(False)
    w.add_chat_template(TEMPLATE)
    said, called, end = tokens.index("A"), tokens.index("<tool_call>"), tokens.index("<|im_end|>")
    follows = {token: said for token in range(len(tokens))}
    follows[tokens.index("<|plan|>")] = called
    for first, length in ((said, len(ANSWER)), (called, len(CALL))):
        follows.update({at: at + 1 for at in range(first, first + length - 1)})
        follows[first + length - 1] = end
    output = np.zeros((width, width), np.float32)
    for token, after in follows.items():
        output[after, token] = 2.0
    zero = lambda *shape: np.zeros(shape, np.float32)
    w.add_tensor("token_embd.weight", np.eye(width, dtype=np.float32))
    w.add_tensor("output_norm.weight", np.ones(width, np.float32))
    w.add_tensor("output.weight", output)
    w.add_tensor("blk.0.attn_norm.weight", np.ones(width, np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        w.add_tensor(f"blk.0.{name}.weight", zero(width, width))
    w.add_tensor("blk.0.ffn_norm.weight", np.ones(width, np.float32))
    w.add_tensor("blk.0.ffn_gate.weight", zero(64, width))
    w.add_tensor("blk.0.ffn_up.weight", zero(64, width))
    w.add_tensor("blk.0.ffn_down.weight", zero(width, 64))
    close(w)


def tensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(length))
        data = file.read()
    for name, told in head.items():
        if name == "__metadata__":
            continue
        begin, end = told["data_offsets"]
        kind = {"F32": np.float32, "F16": np.float16, "I64": np.int64}[told["dtype"]]
        yield name, np.frombuffer(data[begin:end], kind).reshape(told["shape"])


LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
OUTSIDE = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
}


def bert(folder, path, ranks):
    """all-MiniLM-L6-v2 as it is, whose vectors are means; or with a head that ranks, which nobody has trained."""
    config = json.load(open(f"{folder}/config.json"))
    vocabulary = json.load(open(f"{folder}/tokenizer.json"))["model"]["vocab"]
    tokens = [token for token, _ in sorted(vocabulary.items(), key=lambda one: one[1])]
    phantom = [
        t if t.startswith("[") and t.endswith("]") else t[2:] if t.startswith("##") else "\u2581" + t for t in tokens
    ]
    special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    w = gguf.GGUFWriter(path, "bert")
    w.add_name("untrained-ranker" if ranks else "all-MiniLM-L6-v2")
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(config["hidden_size"])
    w.add_block_count(config["num_hidden_layers"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(config["num_attention_heads"])
    w.add_layer_norm_eps(config["layer_norm_eps"])
    w.add_causal_attention(False)
    w.add_pooling_type(gguf.PoolingType.RANK if ranks else gguf.PoolingType.MEAN)
    w.add_tokenizer_model("bert")
    w.add_token_list(phantom)
    w.add_token_types([gguf.TokenType.CONTROL if t in special else gguf.TokenType.NORMAL for t in tokens])
    w.add_token_type_count(config["type_vocab_size"])
    for name, token in (("unk", "[UNK]"), ("sep", "[SEP]"), ("pad", "[PAD]"), ("mask", "[MASK]")):
        getattr(w, f"add_{name}_token_id")(vocabulary[token])
    w.add_bos_token_id(vocabulary["[CLS]"])
    w.add_eos_token_id(vocabulary["[SEP]"])
    w.add_add_bos_token(True)
    w.add_add_eos_token(True)
    for name, values in tensors(f"{folder}/model.safetensors"):
        name = name.removeprefix("bert.")
        stem, _, kind = name.rpartition(".")
        if stem in OUTSIDE:
            to = f"{OUTSIDE[stem]}.{kind}"
        elif stem.startswith("encoder.layer."):
            _, _, number, rest = stem.split(".", 3)
            to = f"blk.{number}.{LAYER[rest]}.{kind}"
        else:
            continue
        w.add_tensor(to, np.ascontiguousarray(values.astype(np.float32)))
    if ranks:
        size = config["hidden_size"]
        chance = np.random.default_rng(7)
        w.add_tensor("cls.weight", (chance.standard_normal((size, size)) / size**0.5).astype(np.float32))
        w.add_tensor("cls.bias", np.zeros(size, np.float32))
        w.add_tensor("cls.output.weight", chance.standard_normal((1, size)).astype(np.float32))
        w.add_tensor("cls.output.bias", np.zeros(1, np.float32))
    close(w)


def close(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


if __name__ == "__main__":
    folder, out = sys.argv[1:]
    chat(f"{out}/chat.gguf")
    bert(folder, f"{out}/embedding.gguf", False)
    bert(folder, f"{out}/rerank.gguf", True)
