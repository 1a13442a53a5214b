#!/bin/bash
# Builds Kubernetes from Debian's source package, and our own programs in the same tree, all static.
# build-kubernetes.sh <folder of the .dsc> <programs> <scratch> <output>
# Needs bookworm's golang-go, golang-github-modern-go-reflect2-dev, gcc, libc6-dev, binutils and dpkg-dev.
set -euo pipefail
source=$1 programs=$2 scratch=$3 output=$4
version=v1.20.2
commit=faecb196815e248d3ecfb03c680a4507229c2a56
date=2021-01-13T13:20:00Z

export GOPATH=$output/.gopath GOCACHE=$scratch GO111MODULE=off CGO_ENABLED=0 GOFLAGS='' GOPROXY=off GOTOOLCHAIN=local
tree=$GOPATH/src/k8s.io/kubernetes
mkdir -p "$(dirname "$tree")"
dpkg-source --no-check -x "$source"/kubernetes_*.dsc "$tree"

# The vendored reflect2 crashes with the maps of Go 1.18 and later; Debian's package knows them.
rm -rf "$tree/vendor/github.com/modern-go/reflect2"
cp -rL /usr/share/gocode/src/github.com/modern-go/reflect2 "$tree/vendor/github.com/modern-go/reflect2"
for program in coredns crictl; do
  mkdir -p "$tree/cmd/sealer-$program"
  cp "$programs/$program"/*.go "$tree/cmd/sealer-$program/"
done
cd "$tree"

# The one generated file that the source package lacks, made from the packages that the Makefile selects.
openapi_packages() {
  local folder
  {
    find cmd pkg plugin -name '*.go' -not -path '*/testdata/*' -not -name 'zz_generated*'
    for folder in vendor/k8s.io/*/; do
      case $(basename "$folder") in
        code-generator | sample-* | kube-openapi | gengo | klog | utils | heapster | system-validators) ;;
        *) find -L "$folder" -name '*.go' -not -path '*/testdata/*' -not -name 'zz_generated*' ;;
      esac
    done
  } | xargs grep -l '^// +k8s:openapi-gen=' | xargs -n1 dirname | LC_ALL=C sort -u | sed 's|^|k8s.io/kubernetes/|' | paste -sd,
}
go build -o "$GOPATH/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
"$GOPATH/openapi-gen" --logtostderr -i "$(openapi_packages)" -p k8s.io/kubernetes/pkg/generated/openapi \
  -O zz_generated.openapi -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$GOPATH/violations.report"

flags="-s -w -buildid="
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  for prefix in "" k8s.io/kubernetes/vendor/; do
    at=$prefix$package
    flags+=" -X $at.gitVersion=$version -X $at.gitMajor=1 -X $at.gitMinor=20 -X $at.gitCommit=$commit"
    flags+=" -X $at.gitTreeState=clean -X $at.buildDate=$date"
  done
done
nice go build -trimpath -tags providerless -ldflags "$flags" -o "$output/" \
  ./cmd/kubeadm ./cmd/kubelet ./cmd/kube-apiserver ./cmd/kube-controller-manager ./cmd/kube-scheduler ./cmd/kube-proxy \
  ./cmd/kubectl ./cmd/sealer-coredns ./cmd/sealer-crictl
mv "$output/sealer-coredns" "$output/coredns"
mv "$output/sealer-crictl" "$output/crictl"
gcc -Os -Wall -Werror -static -DVERSION=v3.2-debian -o "$output/pause" build/pause/linux/pause.c
strip "$output/pause"
chmod -R u+w "$GOPATH"
rm -rf "$GOPATH"
