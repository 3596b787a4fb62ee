"""Finds out what a program is doing: initialising, training step i, evaluating, sampling, saving.
Only functions that PyTorch or nanochat call from Python are watched; nothing inside compiled code."""

import functools
import inspect
import weakref

# module -> {function or Class.method: phase}
NANOCHAT = {
    "nanochat.loss_eval": {"evaluate_bpb": "evaluation"},
    "nanochat.core_eval": {"evaluate_task": "core_metric"},
    "nanochat.engine": {"Engine.generate": "sampling", "Engine.generate_batch": "sampling"},
    "nanochat.checkpoint_manager": {"save_checkpoint": "save", "load_checkpoint": "resume"},
    "scripts.base_eval": {"evaluate_model": "core_metric", "evaluate_core": "core_metric"},
    "scripts.chat_eval": {"run_chat_eval": "core_metric"},
}


class Phases:
    def __init__(self, enter):
        self.enter = enter  # called with the name of each phase that begins
        self.stack = ["model_init"]
        self.stepped = False  # the first optimizer step has ended
        self.step_open = False  # some optimizers have taken the current step

    @property
    def current(self):
        return self.stack[-1]

    def set_base(self, name):
        if name != self.stack[0]:
            self.stack[0] = name
            if len(self.stack) == 1:
                self.enter(name)

    def push(self, name):
        self.stack.append(name)
        self.enter(name)

    def pop(self):
        self.stack.pop()
        self.enter(self.current)

    def during(self, function, name):
        """`function` with its calls counted as phase `name`; the outermost name wins."""
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generator(*arguments, **more):
                outer = len(self.stack) > 1
                if not outer:
                    self.push(name)
                try:
                    yield from function(*arguments, **more)
                finally:
                    if not outer:
                        self.pop()

            return generator

        @functools.wraps(function)
        def call(*arguments, **more):
            if len(self.stack) > 1 and self.current != "evaluation":
                return function(*arguments, **more)
            self.push(name)
            try:
                return function(*arguments, **more)
            finally:
                self.pop()

        return call

    def training(self, part):
        # A part of the model that was frozen with eval() at some time is no evaluation.
        if part != "first_forward" and self.stack[1:] == ["evaluation"]:
            self.pop()
        self.set_base("train_step" if self.stepped else part)


def install(torch, after_import, phases, on_step, on_step_begins):
    import warnings

    warnings.filterwarnings("ignore", message=".*global hooks on modules.*")
    from torch.optim.optimizer import (register_optimizer_step_post_hook,
                                       register_optimizer_step_pre_hook)

    module_hooks = torch.nn.modules.module
    handle = []

    def forward_begins(module, arguments):
        # Fires before a compiled module is traced, and is gone by then.
        if handle:
            handle.pop().remove()
        if module.training and torch.is_grad_enabled() and torch.cuda.is_initialized():
            phases.training("first_forward")

    def listen():
        if not handle and not phases.stepped:
            handle.append(module_hooks.register_module_forward_pre_hook(forward_begins))

    original_train = torch.nn.Module.train

    def train(self, mode=True):
        if not mode:
            if len(phases.stack) == 1:
                phases.push("evaluation")
        else:
            if phases.stack[1:] == ["evaluation"]:
                phases.pop()
            listen()
        return original_train(self, mode)

    backward = torch.autograd.backward

    @functools.wraps(backward)
    def timed_backward(*arguments, **more):
        phases.training("first_backward")
        try:
            return backward(*arguments, **more)
        finally:
            phases.training("first_forward")

    # A step has ended when all optimizers have taken it. Where one never steps, or only now and then,
    # it has ended when one that took it begins again.
    alive = weakref.WeakSet()
    seen = set()

    def step_is_over():
        seen.clear()
        phases.stepped = True
        phases.step_open = False
        on_step()

    def step_begins(optimizer, arguments, more):
        if id(optimizer) in seen:
            step_is_over()
        if not seen:
            on_step_begins()
        phases.training("first_optimizer_step")

    def step_ends(optimizer, arguments, more):
        seen.add(id(optimizer))
        phases.step_open = True
        if all(id(one) in seen for one in alive):
            step_is_over()
        phases.training("first_forward")

    original_init = torch.optim.Optimizer.__init__

    @functools.wraps(original_init)
    def made(self, *arguments, **more):
        original_init(self, *arguments, **more)
        alive.add(self)

    torch.optim.Optimizer.__init__ = made

    torch.nn.Module.train = train
    torch.autograd.backward = timed_backward
    register_optimizer_step_pre_hook(step_begins)
    register_optimizer_step_post_hook(step_ends)
    torch.save = phases.during(torch.save, "save")
    optimizer = torch.optim.Optimizer
    optimizer.load_state_dict = phases.during(optimizer.load_state_dict, "resume")
    listen()

    for name, functions in NANOCHAT.items():
        after_import(name, functools.partial(_wrap, phases, functions))


def _wrap(phases, functions, module):
    for path, phase in functions.items():
        holder, _, name = path.rpartition(".")
        owner = getattr(module, holder, None) if holder else module
        function = getattr(owner, name, None) if owner is not None else None
        if function is not None:
            setattr(owner, name, phases.during(function, phase))
