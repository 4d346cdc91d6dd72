"""What `import bootstrap` gives on Lambda, where the runtime's script is called so: the module that tools hook (lambent_runtime.hooks)."""

import importlib
import sys

sys.modules[__name__] = importlib.import_module("awslambdaric.bootstrap")
