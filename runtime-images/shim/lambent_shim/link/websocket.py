"""picows, without what it loads for proxies and TLS: links use neither, and a cold start is spared a third of the shim's imports.

picows 2.3 imports aiofastnet where there is one, and python-socks always, with tempfile, base64 and others behind them. A stand-in
takes python-socks' place; it fails loudly when used.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _UnusedProxy:
    def __init__(self, *_arguments: Any, **_options: Any) -> None:
        raise NotImplementedError("links go without a proxy")

    create = from_url = __init__


class _UnusedProxyError(Exception):
    pass


def _stand_in(name: str, **attributes: Any) -> None:
    if name not in sys.modules:
        module = ModuleType(name)
        module.__dict__.update(attributes)
        sys.modules[name] = module


if "picows" not in sys.modules:
    sys.modules.setdefault("aiofastnet", None)  # type: ignore[arg-type]  # means: there is none
    _stand_in("python_socks", ProxyError=_UnusedProxyError, __path__=[])
    _stand_in("python_socks.async_", __path__=[])
    _stand_in("python_socks.async_.asyncio", Proxy=_UnusedProxy)

from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect  # noqa: E402

__all__ = ["WSCloseCode", "WSError", "WSFrame", "WSListener", "WSMsgType", "WSTransport", "ws_connect"]
