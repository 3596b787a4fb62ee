DEPTHS=(12 14 16)
T=$((100 * 524288))
for d in "${DEPTHS[@]}"; do
    case $d in 12) B="--device-batch-size=32" ;; *) B="--device-batch-size=8" ;; esac
    python -m scripts.base_train --depth=$d --eval-tokens=$T $B
done
cat <<'END' > x
python no.py
END
