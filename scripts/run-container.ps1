# Runs ./kidney, a shell, or any other command in a container with all that the project needs (Dockerfile).
#   scripts/run-container.ps1                 a shell
#   scripts/run-container.ps1 ./kidney test   any command
#   scripts/run-container.ps1 -HostQemu       builds the images; says how QEMU of this machine boots them
# On Linux and macOS, and inside WSL, use run-container.bash.
param(
    [switch]$HostQemu,
    [Parameter(ValueFromRemainingArguments = $true)][string[]]$Command = @("bash")
)
$ErrorActionPreference = "Stop"
$root = (Resolve-Path (Join-Path $PSScriptRoot "..")).Path

$engine = $env:KIDNEY_CONTAINER_ENGINE
if (-not $engine) {
    foreach ($name in "docker", "podman") {
        if (Get-Command $name -ErrorAction SilentlyContinue) { $engine = $name; break }
    }
}
if (-not $engine) {
    Write-Error "neither docker nor podman is here; docs/building/README.md has other ways"
}

# Docker's cache makes this quick where nothing has changed.
& $engine build --quiet --tag kidneyos $root | Out-Null
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }

$options = @("run", "--rm", "--init", "--interactive", "--volume", "${root}:/kidneyos", "--workdir", "/kidneyos",
             "--env", "HOME=/tmp")
if (-not [Console]::IsInputRedirected -and -not [Console]::IsOutputRedirected) { $options += "--tty" }

if (-not $HostQemu) {
    & $engine @options kidneyos @Command
    exit $LASTEXITCODE
}
& $engine @options kidneyos sh -c "cmake --preset i686-debug && cmake --build --preset i686-debug --target iso disk"
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
$line = & $engine @options kidneyos python3 tools/kidney/qemu.py build/i686-debug
Write-Host "This boots the images, from the folder of the clone:"
Write-Output ($line -replace "/kidneyos/", "")
