"""The script of the page, joined from the modules of assets/workbench/.

A page that is opened from a disk may load scripts, but no modules.
"""

import re
from graphlib import TopologicalSorter
from importlib.resources import files

NAMES = r"\{\s+\w+(?:,\s+\w+)*\s+\}"

IMPORT = re.compile(rf'^(?:import {NAMES}|export \*) from "\./(\w+)\.js";\n', re.MULTILINE)
EXPORT = re.compile(r"^((?:/\*\*.*\*/ )?)export (?=(?:async|function|const|let)\b)", re.MULTILINE)


def joined_script() -> str:
    """Returns the modules in one function of one script, each after those that it imports.

    So an import must not rename what it imports, and no two modules may define the same name.
    """
    folder = files("reports").joinpath("assets", "workbench")
    texts = {
        file.name.removesuffix(".js"): file.read_text(encoding="utf-8")
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".js")
    }
    imports = {name: IMPORT.findall(text) for name, text in texts.items()}
    order = TopologicalSorter(imports).static_order()
    modules = "\n".join(EXPORT.sub(r"\1", IMPORT.sub("", texts[name])) for name in order)
    return f'"use strict";\n(() => {{\n{modules}}})();\n'
