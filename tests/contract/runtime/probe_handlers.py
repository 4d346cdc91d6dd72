# ruff: noqa: ICN001, PYI024, SLOT000, PLW0108, F601, DTZ001, PTH123, SIM115, PLC3002, SIM905 - users' handlers: odd on purpose
"""Handlers whose outcome must be the same under awslambdaric and under Lambent's bootstrap; `event` names one of CASES."""

import collections
import dataclasses
import datetime
import decimal
import enum
import os
import sys
import uuid

Point = collections.namedtuple("Point", "x y")
D = decimal.Decimal


class Colour(enum.Enum):
    RED = "red"


class Text(enum.StrEnum):
    A = "a"


class Number(enum.IntEnum):
    ONE = 1


class LoudInt(int):
    def __repr__(self):
        return "loud"


class LoudFloat(float):
    def __repr__(self):
        return "loud"


class LoudStr(str):
    def __str__(self):
        return "loud"


class Row:
    def __init__(self, **fields):
        self.fields = fields

    def _asdict(self):
        return self.fields


class BadRow:
    def _asdict(self):
        return [1]


@dataclasses.dataclass
class Record:
    a: int = 1


class CustomError(Exception):
    def __init__(self, code, text):
        super().__init__(code, text)
        self.code = code


class QuietError(Exception):
    def __str__(self):
        return ""


class WideError(Exception):
    def __str__(self):
        return "ünïcödé ☃ \U0001f600 \n second line"


def circular_list():
    value = []
    value.append(value)
    return value


def circular_dict():
    value = {"point": Point(1, 2)}
    value["self"] = value
    return value


def shared():
    leaf = {"a": Point(1, 2)}
    return [leaf, leaf, {"again": leaf}]


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def fail(error):
    raise error


def chain():
    try:
        int("x")
    except ValueError as error:
        raise RuntimeError("outer") from error


def implicit_chain():
    try:
        {}["missing"]
    except KeyError:
        fail(CustomError(7, "while handling"))


def recurse(n=0):
    return recurse(n + 1)


def group():
    raise ExceptionGroup("several", [ValueError("a"), TypeError("b")])


CASES = {
    "none": lambda: None,
    "true": lambda: True,
    "int": lambda: 42,
    "big int": lambda: 2**200,
    "float": lambda: 0.1,
    "round float": lambda: 3.0,
    "tiny float": lambda: 1e-300,
    "infinity": lambda: [float("inf"), float("-inf"), float("nan")],
    "empty": lambda: [{}, [], "", ()],
    "text": lambda: 'quote " backslash \\ slash / tab \t newline \n null \x00 del \x7f',
    "unicode": lambda: "ünïcödé ☃ \U0001f600",
    "line separators": lambda: "\u2028\u2029",
    "lone surrogate": lambda: "\ud800",
    "bytes": lambda: b"raw",
    "empty bytes": lambda: b"",
    "nested bytes": lambda: {"a": b"text", "b": [b"\xc3\xbc"]},
    "nested bad bytes": lambda: {"a": b"\xff"},
    "bytearray": lambda: bytearray(b"x"),
    "tuple": lambda: (1, "two", (3,)),
    "named tuple": lambda: Point(1, Point("a", None)),
    "named tuples in list": lambda: [Point(1, 2), (Point(3, 4),)],
    "row": lambda: {"rows": [Row(a=1, b=D("2.50"))]},
    "bad row": lambda: BadRow(),
    "decimals": lambda: [D("1.10"), D("1E+5"), D("-0"), D("0.1"), D("123456789012345678901234567890.1")],
    "decimal nan": lambda: [D("NaN"), D("-NaN")],
    "decimal infinity": lambda: D("Infinity"),
    "decimal alone": lambda: D("9.99"),
    "decimal in dict": lambda: {"price": D("9.99"), "text": "unchanged"},
    "decimal key": lambda: {D("1.5"): 1},
    "date key": lambda: {datetime.date(2026, 11, 21): 1},
    "object of a class as key": lambda: {Record(): 1},
    "type as key": lambda: {int: 1},
    "set": lambda: {1, 2},
    "nested set": lambda: {"deep": [{"er": {1}}]},
    "object": lambda: object(),
    "dataclass": lambda: Record(),
    "class": lambda: Record,
    "function": lambda: fail,
    "enum": lambda: Colour.RED,
    "str enum": lambda: {"a": Text.A, Text.A: 1},
    "int enum": lambda: [Number.ONE, {Number.ONE: 1}],
    "subclasses": lambda: [LoudInt(5), LoudFloat(1.5), LoudStr("quiet")],
    "keys": lambda: {1: "int", 1.5: "float", None: "none", True: "true", "s": "str"},
    "bytes key": lambda: {b"k": 1},
    "tuple key": lambda: {(1, 2): 1},
    "date": lambda: datetime.datetime(2026, 11, 21),
    "uuid": lambda: {"id": uuid.UUID(int=1)},
    "generator": lambda: (n for n in range(3)),
    "range": lambda: range(3),
    "iterator": lambda: iter([1]),
    "ordered": lambda: collections.OrderedDict([("b", 1), ("a", 2)]),
    "default dict": lambda: collections.defaultdict(int, {"a": 1}),
    "counter": lambda: collections.Counter("aab"),
    "deque": lambda: collections.deque([1]),
    "user dict": lambda: collections.UserDict(a=1),
    "circular list": circular_list,
    "circular dict": circular_dict,
    "shared": shared,
    "nested 100": lambda: deep(100),
    "value error": lambda: fail(ValueError("boom")),
    "no message": lambda: fail(ValueError()),
    "several arguments": lambda: fail(ValueError("a", 1, None)),
    "assertion": lambda: (_ for _ in ()).throw(AssertionError("no")),
    "key error": lambda: {}["missing"],
    "attribute error": lambda: None.x,
    "zero division": lambda: 1 / 0,
    "os error": lambda: open("/no/such/file"),
    "unicode error": lambda: b"\xff".decode(),
    "custom": lambda: fail(CustomError(404, "not found")),
    "quiet": lambda: fail(QuietError()),
    "wide": lambda: fail(WideError()),
    "chained": chain,
    "implicitly chained": implicit_chain,
    "recursion": recurse,
    "group": group,
    "stop iteration": lambda: next(iter([])),
    "memory error": lambda: fail(MemoryError()),
    "syntax error": lambda: compile("def", "made-up.py", "exec"),
    "import error": lambda: __import__("no_such_module"),
    "json error": lambda: __import__("json").loads("{"),
    "process error": lambda: __import__("subprocess").run(["false"], check=True),
    "eval": lambda: eval("1/0"),
    "exec without source": lambda: exec(compile("\n\nraise ValueError('made up')", "<made up>", "exec")),
    "no arguments": lambda: (lambda event: event)(),
    "environment": lambda: {
        name: os.environ.get(name)
        for name in (
            "_HANDLER AWS_EXECUTION_ENV AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_FUNCTION_MEMORY_SIZE "
            "AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME AWS_REGION LAMBDA_TASK_ROOT LAMBDA_RUNTIME_DIR _X_AMZN_TRACE_ID TZ"
        ).split()
    },
    "cwd": os.getcwd,
    "first path": lambda: sys.path[0],
    "recursion limit": sys.getrecursionlimit,
    "main": lambda: __name__,
}


def dispatch(event, context):
    return CASES[event["case"]]()


def echo(event, context):
    return event


def read_context(event, context):
    client = context.client_context
    left = context.get_remaining_time_in_millis()
    return {
        "repr": repr(context),
        "names": sorted(name for name in dir(context) if not name.startswith("_")),
        "custom": client and client.custom,
        "env": client and client.env,
        "client": client and client.client and client.client.app_title,
        "identity": [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id],
        "memory": context.memory_limit_in_mb,
        "left": [type(left).__name__, 0 < left <= 3000],
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "types": [type(context).__name__, type(context.identity).__name__, type(client).__name__],
        "w3c": context.w3c(),
    }


def change_environment(event, context):
    seen = [context.function_name, context.function_version, context.memory_limit_in_mb]
    if event["how"] == "set":
        os.environ["AWS_LAMBDA_FUNCTION_NAME"] = event["name"]
    elif event["how"] == "delete":
        del os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
    elif event["how"] == "replace":
        os.environ = {"AWS_LAMBDA_FUNCTION_NAME": event["name"]}  # noqa: B003
    return seen


def no_context(event):
    return event


def three(event, context, more):
    return event


def exit_by(event, context):
    how = event["how"]
    if how == "kill":
        os.kill(os.getpid(), event["signal"])
    elif how == "_exit":
        os._exit(event["code"])
    elif how == "segfault":
        import ctypes

        ctypes.string_at(0)
    elif how == "raise":
        raise {"KeyboardInterrupt": KeyboardInterrupt, "GeneratorExit": GeneratorExit, "BaseException": BaseException}[event["name"]]("x")
    elif how == "bad str":

        class UnreadableError(Exception):
            def __str__(self):
                raise RuntimeError("unreadable")

        raise UnreadableError
    else:
        sys.exit(event["code"])


class Holder:
    @staticmethod
    def handler(event, context):
        return "static"
