"""A cell, run inside the magic that it was given to, as IPython would have run it alone."""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import CodeType, TracebackType
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.error import UsageError


class Statements:
    """``source``, compiled for ``shell``; ``UsageError`` if it is no Python, which IPython shows.

    ``above`` are the lines of the cell that stand above it, so that line numbers are the cell's.
    """

    def __init__(self, shell: Any, source: str, above: int = 0) -> None:
        self._shell = shell
        try:
            text = "\n" * above + shell.transform_cell(source)
            name = shell.compile.cache(text, shell.execution_count)
            tree = shell.transform_ast(shell.compile.ast_parse(text, filename=name))
            body = tree.body
            # As in any cell, a semicolon at the end keeps the value from being displayed.
            is_shown = (
                bool(body)
                and isinstance(body[-1], ast.Expr)
                and not DisplayHook.semicolon_at_end_of_expression(text)
            )
            shown = [body.pop()] if is_shown else []
            self._codes: list[CodeType] = [
                shell.compile(tree, name, "exec"),
                shell.compile(ast.Interactive(shown), name, "single"),
            ]
        except SyntaxError:
            shell.showsyntaxerror()
            raise UsageError("nothing was run, and nothing recorded") from None

    def run(self) -> BaseException | None:
        """Run them in the user's namespace; the value of the last one is displayed.

        What they raise is returned, as are an interrupt and an exit. Raised again, IPython shows
        of it what it would have shown of the cell alone.
        """
        try:
            with self._shell.display_trap:
                for code in self._codes:
                    exec(code, self._shell.user_global_ns, self._shell.user_ns)  # noqa: S102
        except BaseException as error:  # noqa: BLE001 # the caller raises it again
            own = error.__traceback__
            self._show_only(error, own.tb_next if own is not None else None)
            return error
        return None

    def _show_only(self, error: BaseException, users: TracebackType | None) -> None:
        """Of the way that leads through us and IPython nothing is worth a look."""

        def render() -> list[str]:
            render_one: Callable[..., list[str]] = self._shell.InteractiveTB.structured_traceback
            return render_one(type(error), error, users, tb_offset=0)

        error._render_traceback_ = render  # type: ignore[attr-defined] # IPython's protocol
