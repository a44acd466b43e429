# Owns the image of every part of a cluster: `strata storage-node`, `strata gateway`, and the operator's commands.
# What is built stays behind: the image holds the bundle and the packages with native parts, nothing else of npm's.
# The base is any Debian with Node 20.19 or later and npm; nothing is fetched but npm's packages.

ARG BASE_IMAGE=node:20-bookworm-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# Native parts come built within their packages; a package that would have to be compiled fails loudly at start.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN node scripts/build.mjs && node scripts/native-packages.mjs /image \
 && mkdir /image/dist && cp dist/*.js dist/*.cjs /image/dist/ && chmod 755 /image/dist/launch.cjs \
 && cp -r proto package.json LICENSE /image/

FROM ${BASE_IMAGE}
RUN groupadd --system --gid 10001 strata \
 && useradd --system --uid 10001 --gid strata --no-create-home --home-dir /data --shell /usr/sbin/nologin strata \
 && install -d -o strata -g strata -m 700 /data /secret \
 && ln -s /opt/strata/dist/launch.cjs /usr/local/bin/strata
COPY --from=build /image /opt/strata
ENV NODE_ENV=production
WORKDIR /
VOLUME /data
USER strata
STOPSIGNAL SIGTERM
EXPOSE 5000 7000 7001 9000 9090 9091
HEALTHCHECK --interval=5s --timeout=5s --start-period=120s --retries=3 CMD ["node", "-e", "\
require('node:http').get('http://127.0.0.1:9090/healthz', { timeout: 4000 }, (answer) => \
process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
ENTRYPOINT ["strata"]
CMD ["--help"]
