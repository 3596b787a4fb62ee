"""Stands in for the package `kernels`, which fetches Flash Attention 3 from a model hub: the same
functions, allocating what the real ones do (hopper/flash_api.cpp of Dao-AILab/flash-attention:
softmax_lse in forward; dq_accum, softmax_d, softmax_lse_log2 and, with fewer key heads than query
heads, dk_accum and dv_accum in backward)."""

import os
import types

import torch
import vramcast_progress

_ROUND = 128  # rows are padded to the kernel's block
_namespace = "vramcast_flash_attention_3"


def _round(value, step):
    return (value + step - 1) // step * step


def _padded_head(size):
    return _round(size, 64 if size <= 128 else 128 if size > 192 else 192)


@torch.library.custom_op(f"{_namespace}::forward", mutates_args=(), device_types="cuda")
def _forward(q: torch.Tensor, k: torch.Tensor,
             v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    out = torch.empty(q.shape[:-1] + (v.shape[-1],), dtype=q.dtype, device=q.device)
    lse = torch.empty((q.shape[0], q.shape[2], q.shape[1]), dtype=torch.float32, device=q.device)
    return out, lse


@_forward.register_fake
def _(q, k, v):
    return (q.new_empty(q.shape[:-1] + (v.shape[-1],)),
            q.new_empty((q.shape[0], q.shape[2], q.shape[1]), dtype=torch.float32))


@torch.library.custom_op(f"{_namespace}::backward", mutates_args=("dq", "dk", "dv"),
                         device_types="cuda")
def _backward(grad: torch.Tensor, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor,
              out: torch.Tensor, lse: torch.Tensor, dq: torch.Tensor, dk: torch.Tensor,
              dv: torch.Tensor) -> torch.Tensor:
    batch, rows, heads, size = q.shape
    padded_rows = _round(rows, _ROUND)
    padded = _padded_head(size)
    wide = dict(dtype=torch.float32, device=q.device)
    softmax_d = torch.empty((batch, heads, padded_rows), **wide)
    kept = [torch.empty((batch, heads, padded_rows), **wide),
            torch.empty((batch, heads, padded_rows * padded), **wide)]
    if k.shape[2] != heads:
        key_rows = _round(k.shape[1], _ROUND)
        kept += [torch.zeros((batch, k.shape[2], key_rows * padded), **wide) for _ in range(2)]
    kept.append(torch.zeros(((rows + 63) // 64, batch, heads), dtype=torch.int32,
                            device=q.device))
    return softmax_d


@_backward.register_fake
def _(grad, q, k, v, out, lse, dq, dk, dv):
    rows = _round(q.shape[1], _ROUND)
    return q.new_empty((q.shape[0], q.shape[2], rows), dtype=torch.float32)


class _Attention(torch.autograd.Function):

    @staticmethod
    def forward(ctx, q, k, v):
        out, lse = _forward(q, k, v)
        ctx.save_for_backward(q, k, v, out, lse)
        return out

    @staticmethod
    def backward(ctx, grad):
        q, k, v, out, lse = ctx.saved_tensors
        dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        _backward(grad, q, k, v, out, lse, dq, dk, dv)
        return dq, dk, dv


def flash_attn_func(q, k, v, *arguments, **more):
    return _Attention.apply(q, k, v)


def flash_attn_with_kvcache(q, k_cache, v_cache, k=None, v=None, *arguments, **more):
    return _forward(q, k_cache, v_cache)[0]


def flash_attn_varlen_func(q, k, v, *arguments, **more):
    return _Attention.apply(q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0)).squeeze(0)


_FUNCTIONS = dict(flash_attn_func=flash_attn_func,
                  flash_attn_with_kvcache=flash_attn_with_kvcache,
                  flash_attn_varlen_func=flash_attn_varlen_func)


def _can_be_had(repo_id):
    if "flash" not in repo_id.lower():
        return False
    wanted = os.environ.get("VRAMCAST_ATTENTION", "auto")
    if wanted == "auto" and torch.cuda.get_device_capability()[0] != 9:
        # Builds for other cards come and go, and many machines have no way to the hub.
        vramcast_progress.remark(
            f"the kernel {repo_id} was asked for and refused, as on most cards that are not "
            "Hopper; --attention fa3 gives it")
        return False
    return wanted != "sdpa"


def get_kernel(repo_id, *arguments, **more):
    if not _can_be_had(repo_id):
        raise FileNotFoundError(f"a dry run on this card has no stand-in for the kernel {repo_id}")
    interface = types.SimpleNamespace(**_FUNCTIONS)
    return types.SimpleNamespace(flash_attn_interface=interface, **_FUNCTIONS)


def has_kernel(repo_id, *arguments, **more):
    return _can_be_had(repo_id)
