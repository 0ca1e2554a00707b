# Sourced (POSIX sh) with `root` set to the project's directory. Brings Bun, at the version that package.json names as
# packageManager, and the dependencies into the project; nothing outside of it is touched.

say() { printf '%s\n' "$*" >&2; }

# fail MESSAGE [HINT]
fail() {
  say "error: $1"
  if [ -n "${2:-}" ]; then say "  hint: $2"; fi
  exit 1
}

bun_version() { sed -n 's/.*"packageManager": *"bun@\([^"]*\)".*/\1/p' "$root/package.json"; }

# The name of this machine's platform in Bun's packages, such as linux-x64 or darwin-aarch64.
host_platform() {
  case "$(uname -m)" in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=aarch64 ;;
    *) fail "there is no Bun for $(uname -m) processors" ;;
  esac
  case "$(uname -s)" in
    Linux) if ldd --version 2>&1 | grep -qi musl; then echo "linux-$arch-musl"; else echo "linux-$arch"; fi ;;
    Darwin) echo "darwin-$arch" ;;
    *) fail "cicd is built on Linux and macOS, not on $(uname -s)" ;;
  esac
}

# bun_for PLATFORM: prints the path of that platform's Bun, fetched from the npm registry the first time.
bun_for() {
  version=$(bun_version)
  dir="$root/.tools/bun-$version-$1"
  if [ ! -x "$dir/bin/bun" ]; then
    command -v npm >/dev/null || fail "npm was not found" "install Node.js with npm"
    say "fetching Bun $version for $1 from the npm registry"
    mkdir -p "$root/.tools"
    fetched=$(mktemp -d "$root/.tools/fetch.XXXXXX")
    (cd "$fetched" && npm pack --silent "@oven/bun-$1@$version" >/dev/null && tar -xzf ./*.tgz) ||
      fail "Bun $version for $1 could not be fetched from the npm registry" "try: npm view @oven/bun-$1@$version"
    chmod +x "$fetched/package/bin/bun"
    [ -x "$dir/bin/bun" ] || mv "$fetched/package" "$dir"
    rm -rf "$fetched"
  fi
  printf '%s\n' "$dir/bin/bun"
}

# Sets `bun` and puts it first in PATH, then installs the locked dependencies unless just these are there.
ensure_toolchain() {
  bun=$(command -v bun || true)
  if [ -z "$bun" ] || [ "$("$bun" --version)" != "$(bun_version)" ]; then bun=$(bun_for "$(host_platform)"); fi
  PATH="$root/node_modules/.bin:$(dirname "$bun"):$PATH"
  export PATH
  lock=$(cat "$root/package.json" "$root/bun.lock" | cksum)
  if [ "$(cat "$root/node_modules/.installed" 2>/dev/null)" = "$lock" ]; then return; fi
  install_output=$(cd "$root" && "$bun" install --frozen-lockfile 2>&1) || {
    say "$install_output"
    fail "the dependencies could not be installed" "package.json and bun.lock must agree: run bun install and commit both"
  }
  echo "$lock" >"$root/node_modules/.installed"
}
