#!/bin/sh
# Has the pod of `enrol` write a folder, and keeps it as the secret of that name; kustomization.yaml shows how.
set -eu
name=$1
shift
folder=/etc/industrialguard/$name
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kubectl -n industrialguard exec deploy/enrol -- industrialguard cloud "$@" --out "$folder"
kubectl -n industrialguard exec deploy/enrol -- tar -C "$folder" -c . >"$work/made.tar"
mkdir "$work/made"
tar -C "$work/made" -xf "$work/made.tar"
kubectl -n industrialguard create secret generic "$name" --from-file="$work/made" --dry-run=client -o yaml \
  >"$work/secret.yaml"
kubectl apply -f "$work/secret.yaml"
