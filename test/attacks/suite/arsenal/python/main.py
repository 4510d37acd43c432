"""The attacker in Python: `each NAME ARG… -- NAME ARG… -- …` forks for each attack and prints what came of it;
`alone NAME ARG…` tries one in the first process itself, for those that end a run."""

import errno
import os
import select
import signal
import sys
import time

import hosts
import limits

ATTACKS = {**hosts.ATTACKS, **limits.ATTACKS}
PATIENCE_S = 20


def attempt(name, *arguments):
    """What an attack returns is evidence, and so means yes; None is a plain no."""
    try:
        evidence = ATTACKS[name](*arguments)
    except OSError as error:
        return f"no {errno.errorcode.get(error.errno, type(error).__name__)}"
    except Exception as error:  # an attack that Python itself ended: told, and judged by its name
        return f"no {type(error).__name__} {error}".replace("\n", " ")
    return "no" if evidence is None else f"yes {evidence}".strip()


def in_child(words):
    answers, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(tell, attempt(*words).encode()[:2000])
        os._exit(0)
    os.close(tell)
    answer = b""
    end = time.monotonic() + PATIENCE_S
    while select.select([answers], [], [], max(0, end - time.monotonic()))[0]:
        part = os.read(answers, 4096)
        answer += part
        if not part or len(answer) > 0:
            break
    else:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    os.close(answers)
    if answer:
        return answer.decode()
    return f"killed by {signal.Signals(status & 127).name[3:]}" if status & 127 else "no answer"


def groups(words):
    group = []
    for word in words:
        if word == "--":
            yield group
            group = []
        else:
            group.append(word)
    yield group


if sys.argv[1] == "alone":
    print(attempt(*sys.argv[2:]), flush=True)
else:
    for number, words in enumerate(groups(sys.argv[2:])):
        print(f"{number}\t{in_child(words)}", flush=True)
