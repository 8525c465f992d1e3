# A shell with what ./kidney needs: `nix develop ./nix`. The build looks for things where Debian has them, so this is an
# environment with Debian's layout (buildFHSEnv) and Debian's names of the compilers. docs/building/nix.md tells more.
{
  description = "KidneyOS: a shell to build and run it in";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.05";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" ];

      shell = system:
        let
          pkgs = nixpkgs.legacyPackages.${system};
          debian = import ./packages.nix { inherit pkgs; };
          wanted = builtins.filter (package: package != null) (builtins.attrValues debian);

          # clang++-19 and the like. For the target of the kernel, the compiler that knows 32-bit headers and libraries.
          compiler = name: pkgs.writeShellScriptBin "${name}-19" ''
            export NIX_HARDENING_ENABLE= # a kernel has no C library to harden it
            case " $* " in
              *" --target=i686-linux-gnu "*)
                exec ${debian."g++-i686-linux-gnu"}/bin/i686-unknown-linux-gnu-${name} \
                  -L${pkgs.pkgsCross.gnu32.glibc.static}/lib -idirafter /usr/include "$@" ;;
              *) exec ${debian."clang-19"}/bin/${name} "$@" ;;
            esac
          '';
          tool = package: name: pkgs.writeShellScriptBin "${name}-19" ''exec ${debian.${package}}/bin/${name} "$@"'';
          named = map compiler [ "clang" "clang++" ]
            ++ [ (tool "lld-19" "ld.lld") (tool "clang-format-19" "clang-format") (tool "clang-tidy-19" "clang-tidy") ]
            ++ map (tool "llvm-19") [ "llvm-ar" "llvm-ranlib" "llvm-objcopy" "llvm-nm" "llvm-profdata" "llvm-cov" ]
            ++ [ (pkgs.writeShellScriptBin "i686-linux-gnu-g++" ''exec clang++-19 --target=i686-linux-gnu "$@"'') ];
        in
        (pkgs.buildFHSEnv {
          name = "kidneyos";
          targetPkgs = _: wanted ++ named ++ [ pkgs.git pkgs.python3 ];
          extraBuildCommands = ''
            mkdir -p usr/src usr/lib/grub usr/lib/llvm-19/lib/clang/19 usr/lib/python3
            ln -s ${pkgs.gtest.src} usr/src/googletest
            ln -s ${debian."grub-pc-bin"}/lib/grub/i386-pc usr/lib/grub/i386-pc
            ln -s ${debian."libclang-rt-19-dev"}/lib usr/lib/llvm-19/lib/clang/19/lib
            ln -s ${debian."mkdocs"}/${pkgs.python3.sitePackages} usr/lib/python3/dist-packages
          '';
          runScript = "bash";
        }).env;
    in
    {
      devShells = builtins.listToAttrs (map (system: { name = system; value = { default = shell system; }; }) systems);
    };
}
