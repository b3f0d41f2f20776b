// @boxyhq/saml-jackson's directory sync: its request handler behind Node's own HTTP server; it sends no events.
"use strict";
const http = require("node:http");
const { createRequire } = require("node:module");
const installed = createRequire(process.cwd() + "/");
const jackson = installed("@boxyhq/saml-jackson").default;

const [port, url] = process.argv.slice(2);
const quiet = () => {};

async function main() {
    const { directorySyncController: sync } = await jackson({
        externalUrl: `http://127.0.0.1:${port}`,
        samlPath: "/saml",
        samlAudience: "bench",
        noAnalytics: true,
        logger: { info: quiet, warn: quiet, error: console.error },
        dsync: { callback: async () => {} },
        db: { engine: "sql", type: "postgres", url, pageLimit: 100 },
    });
    const { data, error } = await sync.directories.create({
        name: "bench", tenant: "bench", product: "bench", type: "okta-scim-v2",
    });
    if (error) throw new Error(error.message);

    async function answered(request, body) {
        const { pathname, searchParams: query } = new URL(request.url, "http://localhost");
        const [, resourceType, resourceId] = pathname.split("/");
        return sync.requests.handle({
            method: request.method,
            body: body.length ? JSON.parse(body) : undefined,
            directoryId: data.id,
            resourceType,
            resourceId,
            apiSecret: (request.headers.authorization ?? "").slice("Bearer ".length),
            query: {
                count: query.has("count") ? Number(query.get("count")) : undefined,
                startIndex: query.has("startIndex") ? Number(query.get("startIndex")) : undefined,
                filter: query.get("filter") ?? undefined,
            },
        });
    }

    const server = http.createServer((request, response) => {
        const chunks = [];
        request.on("data", (chunk) => chunks.push(chunk));
        request.on("end", async () => {
            let status = 500, text = "{}";
            try {
                const answer = await answered(request, Buffer.concat(chunks).toString());
                status = answer.status;
                text = JSON.stringify(answer.data ?? {});
            } catch (error) {
                console.error(error);
            }
            response.writeHead(status, {
                "Content-Type": "application/scim+json", "Content-Length": Buffer.byteLength(text),
            });
            response.end(text);
        });
    });
    server.keepAliveTimeout = 600000;
    // The benchmark reads this line: where the directory is and what its token is.
    server.listen(Number(port), "127.0.0.1", () => console.log(JSON.stringify({ token: data.scim.secret })));
}

main().catch((error) => { console.error(error); process.exit(1); });
