// scimmy with scimmy-routers on express: two maps hold everything, names are indexed,
// and pages are cut before scimmy builds them.
"use strict";
const { randomUUID } = require("node:crypto");
const { createRequire } = require("node:module");
const installed = createRequire(process.cwd() + "/");
const express = installed("express");
const SCIMMY = installed("scimmy").default ?? installed("scimmy");
const SCIMMYRouters = installed("scimmy-routers").default;

const [port, token] = process.argv.slice(2);

function kept(name) {
    const all = new Map();
    const named = new Map();

    function stored(resource, given) {
        const old = resource.id ? all.get(resource.id) : undefined;
        if (resource.id && !old) throw new SCIMMY.Types.Error(404, null, "not found");
        const key = given[name].toLowerCase();
        const holder = named.get(key);
        if (holder && holder !== old) throw new SCIMMY.Types.Error(409, "uniqueness", "taken");
        const now = new Date();
        const id = old ? old.id : randomUUID();
        const made = { ...given, id, meta: { created: old ? old.meta.created : now, lastModified: now } };
        if (old) named.delete(old[name].toLowerCase());
        all.set(id, made);
        named.set(key, made);
        return made;
    }

    function found(resource) {
        if (resource.id) {
            const one = all.get(resource.id);
            if (!one) throw new SCIMMY.Types.Error(404, null, "not found");
            return one;
        }
        if (resource.filter) {
            const equal = /^(?:userName|displayName) eq "([^"]*)"$/i.exec(resource.filter.expression);
            if (!equal) return resource.filter.match([...all.values()]);
            const one = named.get(equal[1].toLowerCase());
            return one ? [one] : [];
        }
        const { startIndex = 1, count = 20 } = resource.constraints ?? {};
        const page = [];
        let place = 0;
        for (const one of all.values()) {
            place += 1;
            if (place >= startIndex) page.push(one);
            if (page.length === count) break;
        }
        if (resource.constraints) resource.constraints.totalResults = all.size;
        return page;
    }

    return { ingress: stored, egress: found, degress: (resource) => void all.delete(resource.id) };
}

SCIMMY.Resources.declare(SCIMMY.Resources.User, kept("userName"));
SCIMMY.Resources.declare(SCIMMY.Resources.Group, kept("displayName"));

const app = express();
app.use("/scim", new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
        if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("not authorized");
        return "bench";
    },
}));
app.listen(Number(port), "127.0.0.1");
