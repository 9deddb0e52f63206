#!/bin/sh
# Stands in for Coral's compiler: the same command line, files and words, and copies instead of compiling.
# FAKE_MODE: fails | hangs | silent (writes nothing) | half (leaves the second kind of operation to the CPU).
set -eu
[ "$#" -eq 4 ] && [ "$1" = -s ] && [ "$2" = -o ] || { echo "usage: edgetpu_compiler -s -o DIR FILE"; exit 2; }
echo "Edge TPU Compiler version 16.0.384591198"
stem="$3/$(basename "$4" .tflite)_edgetpu"
second="Mapped to Edge TPU"
case "${FAKE_MODE:-}" in
fails) echo "Invalid model: $4" >&2; echo "Model could not be parsed" >&2; exit 1 ;;
hangs) exec sleep 60 ;;
silent) exit 0 ;;
half) second="Operation version not supported" ;;
esac
cp "$4" "$stem.tflite"
{
  echo "Edge TPU Compiler version 16.0.384591198"
  echo "Input: $4"
  echo "Output: $stem.tflite"
  echo
  echo "Operator                       Count      Status"
  echo
  echo "CONV_2D                        7          Mapped to Edge TPU"
  echo "RESHAPE                        2          $second"
} >"$stem.log"
printf '\nModel compiled successfully in 31 ms.\n\nTotal number of operations: 9\nOperation log: %s.log\n' "$stem"
cat "$stem.log"
