# docker build -t escapement .
# docker run --rm -v escapement:/data escapement keys create mine --scopes read,write --api-keys /data/keys.json
# docker run -p 8080:8080 -v escapement:/data -e ESCAPEMENT_API_KEYS=/data/keys.json escapement

# The full image has python3, make and g++, should better-sqlite3 have to be compiled.
FROM node:22-bookworm AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN node .scripts/build.mjs && rm build/.tsbuildinfo build/.sources && npm prune --omit=dev

FROM node:22-bookworm-slim
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/build build
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data

# Inside a container only 0.0.0.0 can be reached from outside, so it starts only with ESCAPEMENT_API_KEYS, or when
# ESCAPEMENT_INSECURE=true says that whoever reaches the port may do anything.
ENV NODE_ENV=production \
    ESCAPEMENT_HOST=0.0.0.0 \
    ESCAPEMENT_PORT=8080 \
    ESCAPEMENT_DATA_DIR=/data
EXPOSE 8080
# Reads the same variables as the server: port, TLS.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["node", "build/engine/health-check.js"]

# Attempts in flight may take 10 s to finish after SIGTERM, and handing partitions over in a cluster 15 s before: stop with a longer grace period than that.
STOPSIGNAL SIGTERM
# As many threads for the collector of garbage and the compiler as there are cores, instead of always four.
ENTRYPOINT ["node", "--v8-pool-size=0", "build/gateway/main.js"]
