"""Debiasing methods, by name: those of this project, and those that they are compared with.

To add one, write a file here and add a line below.
"""

from fairforget.methods.method import Method, MethodOptions
from fairforget.registry import Registry

METHODS: Registry[Method] = Registry(
    {
        "fine-tuning": "fairforget.methods.fine_tuning:fine_tuning",
        "cda": "fairforget.methods.cda:cda",
        "dropout": "fairforget.methods.dropout:dropout",
        "inlp": "fairforget.methods.inlp:inlp",
        "sentence-debias": "fairforget.methods.sentence_debias:sentence_debias",
        "leace": "fairforget.methods.leace:leace",
        "self-debias": "fairforget.methods.self_debias:self_debias",
        "prompt": "fairforget.methods.prompt:prompt",
        "ascent": "fairforget.methods.unlearning:ascent",
        "npo": "fairforget.methods.unlearning:npo",
        "task-vector": "fairforget.methods.unlearning:task_vector",
        "trait-kl": "fairforget.methods.unlearning:trait_kl",
    }
)

__all__ = ["METHODS", "Method", "MethodOptions"]
