"""`FunctionName` of the Lambda API: a name, a partial ARN or an ARN, each with or without a qualifier.

Grammar: `NamespacedFunctionName` of the Lambda API's service model, with a namespace where AWS has the twelve digits of an account.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lambent.activator.admission.model import FunctionKey
from lambent.api.names import DEFAULT_NAMESPACE

_NAME: Final = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:[a-z0-9-]*:(?P<arn_account>[a-z0-9-]+):function:"
    r"|(?:(?P<account>[a-z0-9-]+):)?function:)?"
    r"(?P<name>[a-zA-Z0-9-_.]+)"
    r"(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)
_QUALIFIER: Final = re.compile(r"\$LATEST|[a-zA-Z0-9-_]+")
MAX_NAME_LENGTH: Final = 256
MAX_QUALIFIER_LENGTH: Final = 128
_ACCOUNT: Final = re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True)
class NamedFunction:
    """Which function, which version of it."""

    key: FunctionKey
    qualifier: str


class InvalidNameError(ValueError):
    """A name or qualifier outside its grammar; the text is Lambda's own for it."""


def parse_name(text: str, qualifier: str = "") -> NamedFunction:
    """`text` percent-decoded. An account of twelve digits, which no AWS client does without, means the default namespace."""
    match = _NAME.fullmatch(text) if 0 < len(text) <= MAX_NAME_LENGTH else None
    if match is None:
        raise InvalidNameError(
            f"1 validation error detected: Value '{text[:MAX_NAME_LENGTH]}' at 'functionName' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {_NAME.pattern}"
        )
    if qualifier and (len(qualifier) > MAX_QUALIFIER_LENGTH or not _QUALIFIER.fullmatch(qualifier)):
        raise InvalidNameError(
            f"1 validation error detected: Value '{qualifier[:MAX_QUALIFIER_LENGTH]}' at 'qualifier' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {_QUALIFIER.pattern}"
        )
    own = match["qualifier"] or ""
    if own and qualifier and own != qualifier:
        raise InvalidNameError("The derived qualifier from the function name does not match the specified qualifier.")
    account = match["arn_account"] or match["account"] or DEFAULT_NAMESPACE
    namespace = DEFAULT_NAMESPACE if _ACCOUNT.fullmatch(account) else account
    return NamedFunction(FunctionKey(namespace, match["name"]), own or qualifier)
