"""The name of every event that is logged."""

from __future__ import annotations

from typing import Final

EVENTS: Final[dict[str, str]] = {
    "server.started": "the server answers",
    "server.replaced": "a process of the service ended unasked; another one takes its place",
    "server.stopping": "no new requests are taken, those under way are finished",
    "server.stopped": "everything is closed",
    "model_loaded": "a version serves",
    "model_unloaded": "a version made room in memory; its next request loads it again",
    "engine.checked": "a compiled engine was compared with the original model",
    "engine.refused": "a compiled engine does not serve: it differs from the original, or could not be made; the original serves",
    "engine.moved": "a model answers differently from when it was trained",
    "model.refused": "a version could not be loaded; the one before it goes on serving",
    "prediction": "a request was answered and recorded",
    "prediction.unlogged": "an answer could not be recorded and was given all the same, as the owner chose",
    "prediction.refused": "a request did not fit the schema; nothing was stored",
    "error": "something failed that nobody asked for",
    "record.handed-over": "segments were committed to the prediction log",
    "record.waiting": "segments could not be committed to the prediction log; they stay, and what needs no newest rows goes on",
    "record.corrupt": "a segment holds bytes that were not written; it was moved aside",
    "label.stored": "labels came in",
    "profile.built": "a window was summarised",
    "monitor.finished": "a window was compared with its reference",
    "drift_alert": "the inputs of a window drifted",
    "incident.opened": "something is wrong that was not before",
    "incident.escalated": "an incident became graver",
    "incident.acknowledged": "somebody looks after an incident",
    "incident.resolved": "an incident is over",
    "decide.finished": "it was decided whether to retrain",
    "retrain.started": "a training began",
    "retrain.finished": "a training gave a candidate",
    "retrain.failed": "a training gave nothing",
    "register.finished": "a model file made elsewhere became a candidate",
    "register.refused": "a model file made elsewhere holds what is not allowed; nothing of it was run",
    "validate.finished": "a candidate was judged beside production",
    "promote.finished": "a version moved: staged, promoted, rejected, put back or deleted",
    "notify.delivered": "a message reached its channel",
    "notify.failed": "a message did not reach its channel",
    "worker.tick": "the worker did its round",
}
