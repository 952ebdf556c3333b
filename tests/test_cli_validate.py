"""`sepconv validate`: the command as it is typed."""

from __future__ import annotations

import io
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from sepconv.cli import main
from sepconv.config.codes import RULES

ROOT = Path(__file__).parent.parent
GOOD = "SeparableConv1D: {filters: 4, kernel_size: 3}\n"
BAD = "SeparableConv1D: {filters: 4, kernal_size: 3}\n"
WARNING = "format: sepconv/1.9\n" + GOOD


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {"good": GOOD, "bad": BAD, "warning": WARNING}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def command(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-m", "sepconv", *arguments], capture_output=True, text=True, **options
    )


@pytest.mark.parametrize(
    ("arguments", "status", "shown"),
    [
        (["good.yaml"], 0, "1 file: no errors\n"),
        (["bad.yaml"], 1, "did you mean `kernel_size`?"),
        (["warning.yaml"], 0, "1 warning in 1 of 1 file"),
        (["warning.yaml", "--warnings-as-errors"], 1, "1 warning in 1 of 1 file"),
        (["."], 1, "1 error, 1 warning in 2 of 3 files"),
        (["*.yaml", "good.yaml"], 1, "1 error, 1 warning in 2 of 3 files"),
        (["**/good.yaml"], 0, "1 file: no errors"),
        (["bad.yaml", "--ignore", "SC102"], 0, "no errors"),
        (["bad.yaml", "--ignore", "sc1"], 0, "no errors"),
        (["bad.yaml", "--select", "SC3"], 0, "no errors"),
        (["bad.yaml", "--select", "SC3,SC102"], 1, "SC102"),
        (["bad.yaml", "--format", "concise"], 1, "bad.yaml:1:31: error[SC102]"),
        (["bad.yaml", "--format", "github"], 1, "::error file=bad.yaml,line=1"),
    ],
)
def test_status_and_report(
    folder: Path,
    arguments: list[str],
    status: int,
    shown: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["validate", *arguments]) == status
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.yaml"], "nowhere.yaml: no such file"),
        (["no*.yml"], "no*.yml: no such file"),
        (["empty"], "empty: no config files there"),
        (["good.yaml", "--select", "SC999"], "unknown code SC999; did you mean"),
        (["good.yaml", "--input-shape", "a,b"], "write sizes and null, such as 49,40"),
        (["good.yaml", "--output", "no/such/folder"], "no/such/folder: No such file"),
        (["good.yaml", "--register", "nowhere.py"], "nowhere.py: no such file"),
        (
            ["good.yaml", "--register", "broken.py"],
            "broken.py: ZeroDivisionError: division by zero",
        ),
    ],
)
def test_what_cannot_be_done_is_status_2(
    folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty").mkdir()
    (folder / "broken.py").write_text("1 / 0\n")
    assert main(["validate", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("sepconv: ")
    assert message in captured.err
    assert captured.out == ""


def test_file_that_cannot_be_read_does_not_hide_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "typo.yaml").write_text("SeparableConv1D: {filters: 4, kernal_size: 3}\n")
    assert main(["validate", "nowhere.yaml", "typo.yaml"]) == 2
    captured = capsys.readouterr()
    assert captured.err == "sepconv: nowhere.yaml: no such file\n"
    assert "typo.yaml:1:31: error[SC102]" in captured.out
    assert "1 error in 1 of 1 file" in captured.out


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], "find every mistake in configs"),
        (["validate"], "usage: sepconv validate"),
        (["validate", "x", "--format", "xml"], "usage: sepconv validate"),
        (["train", "x", "--epochs", "2"], "usage: sepconv train"),
    ],
)
def test_wrong_usage_is_status_2_and_shows_the_right_one(
    arguments: list[str], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert shown in capsys.readouterr().err


def test_standard_input_has_the_name_it_is_given(folder: Path) -> None:
    done = command("validate", "-", input=BAD)
    assert done.returncode == 1
    assert done.stdout.startswith("<stdin>:1:31: ")
    done = command("validate", "-", "--stdin-filename", "a.json", input='{"a": NaN}')
    assert "a.json:1:7: error[SC007]" in done.stdout


def test_output_file_holds_the_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "bad.yaml", "--format", "json", "--output", "report.json"]) == 1
    assert capsys.readouterr().out == ""
    assert json.loads((folder / "report.json").read_text())["errors"] == 1


@pytest.mark.parametrize(("shape", "status"), [("2,4", 1), ("3,4", 0), ("[null, 4]", 0)])
def test_input_shape_is_that_of_one_example(folder: Path, shape: str, status: int) -> None:
    assert main(["validate", "good.yaml", "--input-shape", shape]) == status


def test_folder_is_searched_but_for_hidden_files_and_schemas(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (".hidden/a.yaml", "deep/er/a.yml", "x.schema.json", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(BAD)
    main(["validate", ".", "--format", "concise"])
    assert sorted(
        line.split(":")[0]
        for line in capsys.readouterr().out.splitlines()
        if "error[" in line or "warning[" in line
    ) == [
        "bad.yaml",
        "deep/er/a.yml",
        "warning.yaml",
    ]


def test_register_makes_custom_objects_known(folder: Path) -> None:
    (folder / "mine.py").write_text(
        "import sepconv\n@sepconv.register('mine')\ndef act(x):\n    return x\n"
    )
    (folder / "custom.yaml").write_text(GOOD.replace("}", ", activation: mine>act}"))
    assert command("validate", "custom.yaml").returncode == 1
    assert command("validate", "custom.yaml", "--register", "mine.py").returncode == 0


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("configs/*.[yj]*[ln]")), ids=lambda path: path.name
)
def test_examples_are_valid(path: Path) -> None:
    done = command("validate", str(path), "--register", str(ROOT / "configs/custom_objects.py"))
    assert (done.returncode, done.stdout) == (0, "1 file: no errors\n")


def test_reader_that_goes_away_is_no_error(folder: Path) -> None:
    (folder / "many.yaml").write_text("---\n".join([BAD] * 400))
    shell = f"{sys.executable} -m sepconv validate many.yaml | head -1"
    done = subprocess.run(shell, shell=True, capture_output=True, text=True)
    assert done.stdout.startswith("many.yaml:1:31")
    assert done.stderr == ""


def test_terminal_gets_colours_and_no_color_takes_them_away(folder: Path) -> None:
    plain = command("validate", "bad.yaml").stdout
    assert "\x1b" not in plain
    assert "\x1b[" in on_a_terminal({})
    assert "\x1b[" not in on_a_terminal({"NO_COLOR": "1"})


def test_progress_bar_comes_on_a_terminal_when_it_takes_long(folder: Path) -> None:
    """It stands on standard error, so what is redirected is the report alone."""
    run = "from sepconv.cli import main, terminal; terminal.PATIENCE = %d; main(['validate', '.'])"
    assert "validating" in on_a_terminal({}, [sys.executable, "-c", run % -1], "stderr")
    assert on_a_terminal({}, [sys.executable, "-c", run % 1000], "stderr") == ""


def on_a_terminal(
    environment: dict[str, str],
    command: Sequence[str] = (sys.executable, "-m", "sepconv", "validate", "bad.yaml"),
    stream: str = "stdout",
) -> str:
    """Return what a command writes to a stream that is a terminal; the other one is none."""
    import pty

    reader, writer = pty.openpty()
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: writer}
    subprocess.run(
        command,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **environment},
        **streams,
    )
    os.close(writer)
    text = b""
    while True:
        try:
            part = os.read(reader, 4096)
        except OSError:
            break
        if not part:
            break
        text += part
    os.close(reader)
    return text.decode()


def test_validator_needs_neither_the_core_nor_a_terminal_library(folder: Path) -> None:
    code = (
        "import sys; from sepconv.cli import main; main(['validate', 'bad.yaml']);"
        "print([m for m in ('sepconv._core', 'rich', 'keras') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def cpu_seconds(*arguments: str, **environment: str) -> float:
    """Return the least processor time of three runs; other programs do not lengthen it much."""
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | environment
    times = []
    for _ in range(3):  # the first one compiles what is imported
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True, env=environ)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def test_validator_starts_in_less_than_a_third_of_the_time_it_takes_to_import_keras(
    folder: Path,
) -> None:
    command = ("-m", "sepconv", "validate", "good.yaml")
    ours = cpu_seconds(*command, PYTHONPYCACHEPREFIX=str(folder / "compiled"))
    assert ours < 0.3 * cpu_seconds("-c", "import keras")
    assert ours < 0.5  # seconds; it is half of that, while other programs run


def test_thousand_files_take_seconds(folder: Path) -> None:
    (folder / "many").mkdir()
    for number in range(1000):
        (folder / "many" / f"{number}.yaml").write_text(GOOD)
    assert cpu_seconds("-m", "sepconv", "validate", "many") < 5  # 1.0 when nothing else runs


def test_internal_error_is_told_in_a_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("no")

    monkeypatch.setattr("sepconv.cli.validate.validate", fail)
    monkeypatch.delenv("SEPCONV_DEBUG", raising=False)
    assert main(["validate", "good.yaml"]) == 2
    assert capsys.readouterr().err.startswith("sepconv: internal error: ZeroDivisionError: no\n")


def test_ctrl_c_is_told_in_a_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sepconv.cli.validate.validate", interrupt)
    assert main(["validate", "good.yaml"]) == 130
    assert capsys.readouterr().err == "sepconv: interrupted\n"


def test_terminal_of_another_encoding_gets_escapes(folder: Path) -> None:
    (folder / "wide.yaml").write_text(GOOD.replace("}", ", größe: 1}"), encoding="utf-8")
    done = command("validate", "wide.yaml", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 1
    assert "gr\\xf6\\xdfe" in done.stdout


# --- sepconv rule --------------------------------------------------------------------------------


def test_rule_explains_with_a_wrong_and_a_right_example(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["rule", "sc301"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("SC301 (error): strides with dilation\n")
    assert "wrong:\n    SeparableConv1D:\n" in shown
    assert "right:\n    SeparableConv1D:\n" in shown


def test_rule_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(RULES)


def test_unknown_rule_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "SC3100"]) == 2
    assert "did you mean SC310?" in capsys.readouterr().err


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("sepconv ")


def test_every_verb_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("validate", "show", "run", "expand", "schema", "rule"):
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        assert "exit status: 0 clean, 1 findings, 2 usage" in capsys.readouterr().out


def test_stdin_is_read_no_further_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            view = memoryview(buffer)  # type: ignore[arg-type]
            view[:] = b"#" * len(view)
            return len(view)

    stream = io.TextIOWrapper(io.BufferedReader(Endless()))
    monkeypatch.setattr(sys, "stdin", stream)
    assert main(["validate", "-"]) == 1


def test_pre_commit_hook_runs_what_exists() -> None:
    from sepconv.config.reading import read

    (document,) = read((ROOT / ".pre-commit-hooks.yaml").read_bytes(), "hooks.yaml")
    assert document.root is not None
    (hook,) = document.root.data()
    assert hook["entry"] == "sepconv validate"
    for name, matches in {
        "a.sepconv.yaml": True,
        "b/c.sepconv.json": True,
        "a.yaml": False,
    }.items():
        assert bool(re.search(hook["files"], name)) is matches


@pytest.mark.parametrize("form", ["full", "concise", "json", "github", "sarif"])
def test_file_name_of_any_bytes_is_reported(folder: Path, form: str) -> None:
    name = os.fsdecode(b"x\xff.yaml")
    (folder / name).write_text(BAD)
    assert command("validate", name, "--format", form).returncode == 1
    assert command("validate", name, "--format", form, "--output", "report").returncode == 1
    assert (folder / "report").read_text(encoding="utf-8")
