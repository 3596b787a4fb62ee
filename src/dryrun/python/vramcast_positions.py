"""Where a key-value cache stands while it samples: nanochat keeps that on the device, where nothing is
computed, so it is counted here. Without it every cache would look filled to the same place."""

import functools


def count(module):
    cache = getattr(module, "KVCache", None)
    if cache is None or not hasattr(cache, "advance") or not hasattr(cache, "get_pos"):
        return  # older ones count in Python
    advance, get_pos, prefill, reset = cache.advance, cache.get_pos, cache.prefill, cache.reset

    def moving(function, moved):
        @functools.wraps(function)
        def call(self, *arguments):
            result = function(self, *arguments)
            self.position_in_dry_run = moved(position(self), *arguments)
            return result

        return call

    def position(self):
        return getattr(self, "position_in_dry_run", 0)

    @functools.wraps(get_pos)
    def told(self):
        get_pos(self)  # which waits for the device
        return position(self)

    cache.get_pos = told
    cache.advance = moving(advance, lambda at, tokens: at + tokens)
    cache.prefill = moving(prefill, lambda at, other: position(other))
    cache.reset = moving(reset, lambda at: 0)
