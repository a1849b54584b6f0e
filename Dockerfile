# muster in a container. Build, then fill the volume (this needs root and mounts, the daemon neither), then serve:
#   docker build -t muster .
#   docker run --rm --user root --cap-add SYS_ADMIN -v muster:/var/lib/muster muster scout build
#   docker run --network host --cap-drop ALL --cap-add NET_BIND_SERVICE -v muster:/var/lib/muster muster
# The network is the host's: ProxyDHCP hears broadcasts, which a bridge network does not pass.
ARG BASE=docker.io/library/debian:13-slim

FROM ${BASE} AS build
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      ca-certificates g++ libnode-dev make nodejs npm python3
WORKDIR /src
COPY package.json package-lock.json ./
# sqlite3 is compiled against Debian's own headers: nothing is downloaded but npm packages.
RUN npm_config_nodedir=/usr/include/nodejs npm ci
COPY tsconfig.json ./
COPY src src
RUN npm run build && npm prune --omit=dev && rm -rf node_modules/sqlite3/build/Release/obj* node_modules/sqlite3/deps

FROM ${BASE}
# mmdebstrap and zstd serve `scout build` and `images build` alone; the daemon needs Node and nothing else.
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      ca-certificates debian-archive-keyring gpgv libcap2-bin mmdebstrap nodejs zstd \
 && useradd --system --home-dir /var/lib/muster --shell /usr/sbin/nologin muster \
 && install -d -o muster -g muster -m 0700 /var/lib/muster \
 && install -m 0755 "$(readlink -f "$(command -v node)")" /usr/local/bin/muster-node \
 && setcap cap_net_bind_service=+ep /usr/local/bin/muster-node \
 && apt-get purge -y libcap2-bin && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/package.json /opt/muster/package.json
COPY --from=build /src/node_modules /opt/muster/node_modules
COPY --from=build /src/dist /opt/muster/dist
COPY ipxe /opt/muster/ipxe
COPY kickstart /opt/muster/kickstart
COPY node /opt/muster/node
COPY preseed /opt/muster/preseed
COPY profiles /opt/muster/profiles
COPY roles /opt/muster/roles
COPY scout /opt/muster/scout
COPY images /opt/muster/images
RUN printf '#!/bin/sh\nexec /usr/local/bin/muster-node --max-semi-space-size=1 --max-old-space-size=256 /opt/muster/dist/cli.js "$@"\n' > /usr/local/bin/muster \
 && chmod 0755 /usr/local/bin/muster
USER muster
VOLUME /var/lib/muster
EXPOSE 67/udp 69/udp 4011/udp 8067/tcp
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["muster", "status", "--output", "json"]
ENTRYPOINT ["muster"]
CMD ["serve"]
