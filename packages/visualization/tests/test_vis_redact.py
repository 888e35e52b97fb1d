"""Passwords and keys stay where they are used: not in a config that is recorded, nor in a message."""
import copy

import pytest

from mmengine.visualization import BaseVisBackend, Visualizer
from mmengine.visualization.redact import REMOVED, is_secret_key, redact, redact_text, secrets_in

KEY = 'f00dfacef00dfacef00dfacef00dfacef00dface'


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv('WANDB_API_KEY', KEY)
    monkeypatch.setenv('HTTP_PORT', '8080')
    monkeypatch.setenv('SHORT_TOKEN', '1')


@pytest.mark.parametrize('name', ['api_key', 'apiKey', 'API-KEY', 'wandb_api_key', 'password', 'db_password', 'passwd',
                                  'secret', 'client_secret', 'aws_secret_access_key', 'access_key', 'private_key',
                                  'credentials', 'Authorization', 'hf_token', 'api_token', 'access_token'])
def test_keys_of_secrets(name):
    assert is_secret_key(name)
    assert redact({'init_kwargs': {name: 'open sesame', 'n': 1}}) == {'init_kwargs': {name: REMOVED, 'n': 1}}


@pytest.mark.parametrize(('name', 'value'), [
    ('cls_token', True), ('pad_token', '<pad>'), ('num_tokens', 196), ('token', '[MASK]'), ('tokenizer', 'a' * 20),
    ('with_cls_token', False), ('key', 'img_path'), ('keys', ['img']), ('meta_keys', ('img_path', 'ori_shape')),
    ('author', 'someone who wrote it'), ('secretary', 'a'), ('save_best', 'coco/bbox_mAP'), ('api_key', None),
    ('port', '8080'), ('number', '1'), ('url', 'https://host/path'), ('out_token', 'cls_token'), ('password', ''),
    ('file', 's3://bucket/key/file.pth'), ('prefix', 'data/')])
def test_what_only_looks_like_one(name, value):
    config = {name: value}
    assert redact(config) is config


def test_tokens_of_services_by_their_form():
    token = 'eyJhbGciOiJIUzI1NiJ9.e30.x'
    assert redact({'token': token, 'neptune': [{'my_token': token}]}) == {
        'token': REMOVED, 'neptune': [{'my_token': REMOVED}]}
    assert redact({'note': 'ghp_' + 'a' * 36}) == {'note': REMOVED}
    assert redact({'headers': ({'X': 'Bearer ' + 'a' * 20},)}) == {'headers': ({'X': f'Bearer {REMOVED}'},)}


def test_values_of_the_environment_say_which_variable_it_was():
    marker = '{{$WANDB_API_KEY:secret-removed}}'
    assert redact({'key_of_mine': KEY, 'api_key': KEY}) == {'key_of_mine': marker, 'api_key': marker}
    assert redact({'command': f'login {KEY} now'}) == {'command': f'login {marker} now'}
    again = {'api_key': marker}
    assert redact(again) is again


def test_addresses():
    text = 'postgres://me:pa55@host:5432/db and https://host/a?token=abc&x=1 and https://user@host/'
    assert redact_text(text) == (f'postgres://me:{REMOVED}@host:5432/db and https://host/a?token={REMOVED}&x=1 '
                                 'and https://user@host/')


def test_everything_below_the_key_of_a_secret():
    assert redact({'credentials': {'user': 'me', 'parts': ['a', ('b', 1)]}}) == {
        'credentials': {'user': REMOVED, 'parts': [REMOVED, (REMOVED, 1)]}}


def test_what_is_used_is_not_changed():
    config = {'backends': [{'init_kwargs': {'api_key': 'open sesame'}}], 'other': {'a': 1}}
    before = copy.deepcopy(config)
    clean = redact(config)
    assert config == before
    assert clean['other'] is config['other']
    assert clean['backends'] == [{'init_kwargs': {'api_key': REMOVED}}]


def test_a_config_object_keeps_its_kind():
    class Config:
        """As in the config part: items, text and file name."""

        def __init__(self, items):
            self._items, self._text, self._env_variables = items, f'key = {KEY!r}', {'WANDB_API_KEY': KEY}
            self.filename = 'a.py'

        def to_dict(self):
            return dict(self._items)

        def __getitem__(self, key):
            return self._items[key]

        def __setitem__(self, key, value):
            self._items[key] = value

    config = Config({'model': {'type': 'A'}, 'tracker': {'api_key': KEY, 'password': 'open sesame'}})
    clean = redact(config)
    assert type(clean) is Config
    assert clean.filename == 'a.py'
    assert 'open sesame' not in str(vars(clean))
    assert KEY not in str(vars(clean))
    assert config['tracker']['api_key'] == KEY
    assert redact(Config({'model': 1})).filename == 'a.py'


def test_messages_of_a_tracker_do_not_tell_its_key(capsys):
    class Talking(BaseVisBackend):
        def __init__(self, init_kwargs):
            super().__init__(None)
            self.init_kwargs = init_kwargs

        experiment = None

        def _init_env(self):
            raise ConnectionError(f'401 for {self.init_kwargs} at https://me:pa55word@host, {KEY}')

    visualizer = Visualizer(vis_backends=[Talking({'api_key': 'open sesame', 'project': 'digits'})])
    visualizer.add_scalar('loss', 1.0)
    visualizer.close()
    out = capsys.readouterr().out
    assert '401' in out
    assert 'digits' in out
    for secret in ('open sesame', 'pa55word', KEY):
        assert secret not in out


def test_recorded_config(tmp_path):
    visualizer = Visualizer(vis_backends=[dict(type='LocalVisBackend')], save_dir=str(tmp_path), on_error='raise')
    visualizer.add_config({'tracker': {'api_key': 'open sesame', 'entity': KEY}})
    visualizer.update_config({'password': 'open sesame'})
    visualizer.close()
    kept = ''.join(path.read_text() for path in (tmp_path / 'vis_data').iterdir())
    assert REMOVED in kept
    assert 'open sesame' not in kept
    assert KEY not in kept


def test_secrets_in_settings():
    assert secrets_in({'a': [{'api_key': 'open sesame', 'name': 'long enough'}]}) == {'open sesame'}
