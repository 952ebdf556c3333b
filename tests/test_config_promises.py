"""Loading a config runs no code, imports nothing, opens nothing else and reaches no network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sepconv import config
from sepconv.errors import ConfigError

FOLDER = Path(__file__).parent / "configs"

# Runs in a process of its own: an audit hook cannot be taken away again.
AUDIT = """
import json, sys
from pathlib import Path
import sepconv
from sepconv import config
from sepconv.config import fixing
from sepconv.errors import ConfigError

def use(path):
    for read in (config.load, config.training_of):
        try:
            read(path)
        except ConfigError:
            pass
    fixing.mend(Path(path).read_bytes(), path)

paths = json.loads(sys.argv[1])
for path in paths[:5]:  # what is imported at first use is imported now
    use(path)

now, seen = None, []
FORBIDDEN = ("exec", "compile", "import", "os.", "subprocess.", "socket.", "shutil.", "ctypes.",
             "pickle.", "urllib.", "marshal.", "code.__new__", "mmap.")

def hook(event, arguments):
    if now is None:
        return
    if event == "open" and arguments[0] != now or event.startswith(FORBIDDEN):
        seen.append([now, event, repr(arguments)[:200]])

sys.addaudithook(hook)
for now in paths:
    use(now)
now = "control"  # that the hook sees what it must not see
open("/dev/null").close()
now = None
print(json.dumps(seen))
"""

HOSTILE = {
    "os_system.yaml": "!!python/object/apply:os.system ['echo hi']\n",
    "python_name.yaml": "SeparableConv1D: {filters: 4, kernel_size: 3, "
    "activation: !!python/name:os.system }\n",
    "target.yaml": "SeparableConv1D: {filters: 4, kernel_size: 3, "
    "activation: {_target_: os.system, command: echo}}\n",
    "lambda.json": '{"class_name": "SeparableConv1D", "config": {"filters": 4, "kernel_size": 3, '
    '"activation": {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}}}',
    "module.json": '{"module": "os", "class_name": "system", "config": {"command": "echo hi"}, '
    '"registered_name": "os>system"}',
    "function.json": '{"class_name": "SeparableConv1D", "config": {"filters": 4, "kernel_size": 3,'
    '"activation": {"module": "builtins", "class_name": "function", "config": "eval"}}}',
    "numpy.json": '{"class_name": "SeparableConv1D", "config": {"filters": 4, "kernel_size": 3, '
    '"bias_initializer": {"class_name": "__numpy__", "config": {"value": [1], "dtype": "O"}}}}',
    "include.yaml": "SeparableConv1D: {<<: !include /etc/passwd, filters: 4, kernel_size: 3}\n",
    "ref.yaml": "SeparableConv1D: {$ref: 'http://127.0.0.1:9/x.json', filters: 4}\n",
    "schema.yaml": "$schema: http://127.0.0.1:9/schema.json\n"
    "SeparableConv1D: {filters: 4, kernel_size: 3}\n",
    "environment.yaml": "SeparableConv1D: {filters: 4, kernel_size: 3, name: '${HOME}'}\n",
    **{
        f"training_{number}.yaml": "Sequential: {input_shape: [4, 2], layers: [Flatten]}\n"
        f"training: {section}\n"
        for number, section in enumerate(
            [
                "{loss: os>system}",
                "{loss: {module: os, class_name: system, config: echo hi}}",
                "{loss: {class_name: __lambda__, config: {value: 4wEAAAA=}}}",
                "{loss: mse, optimizer: {_target_: os.system}}",
                "{loss: mse, optimizer: !!python/object/apply:os.system [echo hi]}",
                "{loss: mse, metrics: [{class_name: function, config: eval, module: builtins}]}",
                "{loss: mse, callbacks: [{LambdaCallback: {on_epoch_end: print}}]}",
                "{loss: mse, callbacks: [{RemoteMonitor: {root: 'http://127.0.0.1:9'}}]}",
                "{loss: mse, data: !include /etc/passwd}",
                "{loss: mse, data: {train: {x: [1, 2], y: {$ref: 'http://127.0.0.1:9/y'}}}}",
            ]
        )
    },
}
# Names of files are text until the network is trained.
FILES = (
    "Sequential: {input_shape: [4, 2], layers: [Flatten, {Dense: {units: 3}}]}\n"
    """\
training:
  loss: mse
  data: {train: /etc/passwd, validation: {x: 'http://127.0.0.1:9/x.npy', y: ../../y.npy}}
  callbacks:
    - CSVLogger: {filename: /tmp/never/log.csv}
    - ModelCheckpoint: {filepath: /tmp/never/best.weights.h5}
    - BackupAndRestore: {backup_dir: /tmp/never}
"""
)


def test_loading_touches_nothing_but_the_file(tmp_path: Path) -> None:
    for name, text in {**HOSTILE, "files.yaml": FILES}.items():
        (tmp_path / name).write_text(text)
    corpus = [
        path
        for path in FOLDER.glob("*/*")
        if path.suffix in (".yaml", ".json") and not path.stem.startswith("very_large_")
    ]
    # What the library imports when it is first needed: weights, bfloat16, suggestions, training.
    warm = [
        FOLDER / "valid" / "sequential.yaml",
        FOLDER / "invalid" / "unknown_argument.yaml",
        FOLDER / "valid" / "dtype_long.yaml",
        FOLDER / "valid" / "training_every_key.yaml",
        FOLDER / "ten_mistakes.yaml",
    ]
    paths = [str(path) for path in (*warm, *corpus, *sorted(tmp_path.iterdir()))]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", AUDIT, json.dumps(paths)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [event[:2] for event in json.loads(done.stdout)] == [["control", "open"]], done.stdout


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused_or_plain_data(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(HOSTILE[name])
    if name == "schema.yaml":  # a key for editors, which nothing here follows
        assert config.load(path).filters == 4
    elif name == "environment.yaml":
        assert config.load(path).name == "${HOME}"
    else:
        with pytest.raises(ConfigError):
            config.load(path)


def test_files_of_a_training_section_are_names(tmp_path: Path) -> None:
    path = tmp_path / "files.yaml"
    path.write_text(FILES)
    plan = config.training_of(path)
    assert plan is not None
    assert plan.data["train"] == "/etc/passwd"
    assert [type(callback).__name__ for callback in plan.callbacks] == [
        "CSVLogger",
        "ModelCheckpoint",
        "BackupAndRestore",
    ]
    assert not Path("/tmp/never").exists()
