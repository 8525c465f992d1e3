# Debian 12 with what ./kidney needs, by the same list: tools/kidney/packages.txt. The sources are not in it;
# scripts/run-container.bash, and .devcontainer, mount the clone. tests/checks/container_test.py runs these steps.
FROM debian:12
ENV LANG=C.UTF-8
COPY kidney /opt/kidneyos/kidney
COPY tools/kidney/packages.txt /opt/kidneyos/tools/kidney/packages.txt
COPY scripts/container-entry.bash /opt/kidneyos/entry
# Git and sudo are for who works in it as a dev container.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates git sudo
RUN useradd --create-home --shell /bin/bash kidney && echo 'kidney ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/kidney
RUN /opt/kidneyos/kidney setup && rm -rf /var/lib/apt/lists/*
ENTRYPOINT ["/opt/kidneyos/entry"]
CMD ["bash"]
