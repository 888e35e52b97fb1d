"""Nothing that waits is lost when a process ends, is told to end, or forks: in real processes."""
import signal
import subprocess
import sys

import pytest

from mmengine.visualization.delivery import exits

# A tracker that takes its time, and whose client ends at exit as clients do.
HEADER = '''
import atexit, os, signal, sys, time
from mmengine.visualization import BaseVisBackend, Visualizer, force_init_env

class File(BaseVisBackend):
    experiment = None
    file = None
    def _init_env(self):
        self.file = open(os.path.join(self._save_dir, f'{os.getpid()}.txt'), 'a', buffering=1)
        atexit.register(self.file.close)
    @force_init_env
    def add_scalar(self, name, value, step=0, **kwargs):
        time.sleep(0.002)
        print(step, file=self.file)
    def close(self, status='success'):
        if self._env_initialized:
            print(status, file=self.file)
            self._env_initialized = False

def record(visualizer, begin=0):
    for step in range(begin, begin + 100):
        visualizer.add_scalar('loss', 1.0, step)

folder = sys.argv[1]
visualizer = Visualizer(vis_backends=[File(folder)])
'''


def run(folder, code, check=0):
    answer = subprocess.run([sys.executable, '-c', HEADER + code, str(folder)], capture_output=True, text=True,
                            timeout=60)
    assert answer.returncode == check, answer.stderr
    return answer.stdout


def kept(folder):
    return sorted(path.read_text().split() for path in folder.iterdir())


EVERYTHING = [str(step) for step in range(100)]


@pytest.mark.parametrize(('end', 'status', 'code'), [
    ('', 'success', 0), ('visualizer.close("aborted")', 'aborted', 0),
    ('raise ValueError("bad batch")', 'failed', 1), ('sys.exit(3)', 'success', 3)])
def test_at_exit(tmp_path, end, status, code):
    run(tmp_path, f'record(visualizer)\n{end}', code)
    assert kept(tmp_path) == [[*EVERYTHING, status]]


def test_sigterm(tmp_path):
    run(tmp_path, 'record(visualizer)\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(30)', -signal.SIGTERM)
    assert kept(tmp_path) == [[*EVERYTHING, 'aborted']]


def test_sigterm_of_one_who_hangs(tmp_path):
    run(tmp_path, '''
from mmengine.visualization.delivery import exits
exits.GRACE = 0.5
class Hangs(File):
    def add_scalar(self, *args, **kwargs): time.sleep(1000)
visualizer = Visualizer(vis_backends=[Hangs(folder)])
record(visualizer)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(30)  # not reached: else it would end with another status
''', -signal.SIGTERM)


@pytest.mark.parametrize('when', ['before', 'after'])
def test_a_handler_of_sigterm_is_kept(tmp_path, when):
    """Say, one that lets the run write a checkpoint first."""
    install = '''
def handler(number, frame):
    global told
    told = True
    if callable(previous): previous(number, frame)
told, previous = False, None
previous = signal.signal(signal.SIGTERM, handler)
'''
    more = '''
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(0.01)
print(told)
record(visualizer, 100)
'''
    before, after = (install, '') if when == 'before' else ('', install.replace('callable(previous)', 'False'))
    out = run(tmp_path, f'{before}\nrecord(visualizer)\n{after}\n{more}')
    assert out.splitlines()[-1] == 'True'
    assert kept(tmp_path) == [[*EVERYTHING, *(str(step) for step in range(100, 200)),
                               'aborted' if when == 'before' else 'success']]


FORKS = pytest.mark.skipif(not hasattr(exits.os, 'fork'), reason='needs a system that forks')


@FORKS
def test_a_forked_process_records_nothing_to_a_tracker_of_its_parent(tmp_path):
    out = run(tmp_path, '''
record(visualizer)
child = os.fork()
if not child:
    visualizer.add_scalar('loss', 7.0, 700)
    visualizer.close()
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
''')
    assert kept(tmp_path) == [[*EVERYTHING, 'success']]
    assert out.count('belongs to the process') == 1


@FORKS
def test_a_forked_process_may_have_a_run_of_its_own(tmp_path):
    run(tmp_path, '''
record(visualizer)
child = os.fork()
mine = Visualizer(vis_backends=[File(folder)])
if not child:
    record(mine)
    sys.exit()
os.waitpid(child, 0)
''')
    assert kept(tmp_path) == [[*EVERYTHING, 'success']] * 2


@FORKS
def test_a_forked_process_has_no_handler_of_ours_and_blocks_nothing(tmp_path):
    run(tmp_path, '''
import multiprocessing
record(visualizer)
def look():
    as_it_was = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    sys.exit(0 if as_it_was and not signal.pthread_sigmask(signal.SIG_BLOCK, set()) else 1)
child = multiprocessing.get_context('fork').Process(target=look)
child.start()
child.join()
assert child.exitcode == 0
assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
assert not signal.pthread_sigmask(signal.SIG_BLOCK, set())
''')
    assert kept(tmp_path) == [[*EVERYTHING, 'success']]


def test_forked_processes_are_ended_as_if_nothing_were_there(tmp_path):
    """As the workers of a data loader or of a pool are, by SIGTERM, in the middle of what their parent records."""
    run(tmp_path, '''
import multiprocessing
record(visualizer)
context = multiprocessing.get_context('fork')
children = [context.Process(target=time.sleep, args=(1000,)) for _ in range(4)]
for child in children:
    child.start()
    visualizer.add_scalar('loss', 1.0, 100)
for child in children:
    child.terminate()
    child.join()
assert [child.exitcode for child in children] == [-signal.SIGTERM] * 4
''')
    assert kept(tmp_path) == [[*EVERYTHING, *['100'] * 4, 'success']]
