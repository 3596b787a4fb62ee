export OMP_NUM_THREADS=1
[ -d ".venv" ] || uv venv
if [ -z "$WANDB_RUN" ]; then
    WANDB_RUN=dummy
fi
NPROC_PER_NODE="${NPROC_PER_NODE:-8}"
torchrun --standalone --nproc_per_node=$NPROC_PER_NODE -m scripts.base_train -- \
    --depth=20 --device-batch-size 16 --fp8 --run="$WANDB_RUN" 2>&1 | tee log
