# cdnserve behind Varnish. docs/edges.md explains it; tests/edges runs it with Debian's Varnish 7.1.
#
# Start varnishd with -p http_gzip_support=off. Else Varnish knows no coding but gzip, and takes br and zstd away:
#     varnishd -a :80 -f /etc/varnish/cdnserve.vcl -s malloc,1G -p http_gzip_support=off
# Change the lines that end in "yours".
vcl 4.1;

import std;

backend cdnserve {
    .host = "127.0.0.1";                                    # yours: where cdnserve listens
    .port = "8000";                                         # yours
    .connect_timeout = 3s;
    .first_byte_timeout = 30s;
    .between_bytes_timeout = 30s;
    # While it is down nobody waits for it in vain.
    .probe = {
        .url = "/-/health";
        .interval = 5s;
        .timeout = 2s;
        .window = 4;
        .threshold = 2;
        .initial = 2;
    }
}

# Who may purge. A TLS proxy on this machine must speak the PROXY protocol, or all of its clients are 127.0.0.1.
acl purgers {
    "127.0.0.1";                                            # yours
    "::1";                                                  # yours
}

sub vcl_recv {
    if (req.method == "PURGE") {
        call purge_what_is_named;
    }
    # cdnserve's own paths, such as health and metrics, are not the public's.
    if (req.url ~ "(?i)^/(?:-|%2d)/") {
        return (synth(404));
    }
    # Nothing depends on these. A query would split the cache, a cookie would keep Varnish from using it.
    set req.url = regsub(req.url, "\?.*$", "");
    unset req.http.Cookie;
    unset req.http.Authorization;
    set req.http.X-Forwarded-Proto = "http";                # yours: https behind a TLS proxy
    # These names are ours alone.
    if (req.restarts == 0) {
        unset req.http.X-Edge-Stale;
    }

    # Preflights, and what cdnserve answers with 405.
    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }
    # One range, in octets; Varnish would refuse what RFC 9110 section 14.2 lets a server ignore.
    if (req.http.Range !~ "(?i)^bytes=(?:[0-9]+-[0-9]*|-[0-9]+)$") {
        unset req.http.Range;
    }
    # Varnish evaluates neither; cdnserve does.
    if (req.http.If-Match || req.http.If-Unmodified-Since) {
        return (pass);
    }
    # Whoever refuses even the bare content is no browser: cdnserve decides.
    if (req.http.Accept-Encoding ~ "(?i)(?:identity|\*)[ \t]*;[ \t]*q=0(?:\.0*)?[ \t]*(?:,|$)") {
        return (pass);
    }
    call normalize_accept_encoding;
    return (hash);
}

# Content codings (RFC 9110 section 12.5.3): of Accept-Encoding only those that cdnserve has, unless their weight is 0.
# So there are few variants, whatever browsers write. Origin is not touched: it decides where Vary names it.
sub normalize_accept_encoding {
    set req.http.X-Edge-Accept = "identity";
    if (req.http.Accept-Encoding ~ "(?i)(?:^|,)[ \t]*br[ \t]*(?:;[ \t]*q=(?:1|0\.[0-9]*[1-9])[0-9.]*[ \t]*)?(?:,|$)") {
        set req.http.X-Edge-Accept = req.http.X-Edge-Accept + ", br";
    }
    if (req.http.Accept-Encoding ~ "(?i)(?:^|,)[ \t]*(?:x-)?gzip[ \t]*(?:;[ \t]*q=(?:1|0\.[0-9]*[1-9])[0-9.]*[ \t]*)?(?:,|$)") {
        set req.http.X-Edge-Accept = req.http.X-Edge-Accept + ", gzip";
    }
    if (req.http.Accept-Encoding ~ "(?i)(?:^|,)[ \t]*zstd[ \t]*(?:;[ \t]*q=(?:1|0\.[0-9]*[1-9])[0-9.]*[ \t]*)?(?:,|$)") {
        set req.http.X-Edge-Accept = req.http.X-Edge-Accept + ", zstd";
    }
    set req.http.Accept-Encoding = req.http.X-Edge-Accept;
    unset req.http.X-Edge-Accept;
}

# PURGE of a path, with all of its variants; or of tags:
#     curl -X PURGE http://127.0.0.1/widgets/app.js
#     curl -X PURGE -H 'Surrogate-Key: jquery@3.7.1 widgets/' http://127.0.0.1/
# Tags need cache-tags = ["Surrogate-Key"] in [site] of the manifest.
sub purge_what_is_named {
    # What came through a proxy has the proxy's address.
    if (client.ip !~ purgers || req.http.X-Forwarded-For ~ ",") {
        return (synth(403));
    }
    if (!req.http.Surrogate-Key) {
        set req.url = regsub(req.url, "\?.*$", "");
        return (purge);
    }
    if (req.http.Surrogate-Key !~ "^[\x21-\x7e]+(?: [\x21-\x7e]+)*$" || req.http.Surrogate-Key ~ {"["\\]"}) {
        return (synth(400));
    }
    # Each tag to the letter: what has a meaning in a regular expression loses it. Then one or the other tag.
    set req.http.X-Edge-Tags = regsuball(req.http.Surrogate-Key, "[^A-Za-z0-9@/_~:=! -]", "[\0]");
    set req.http.X-Edge-Tags = regsuball(req.http.X-Edge-Tags, "\[\^\]", "\^");
    set req.http.X-Edge-Tags = regsuball(req.http.X-Edge-Tags, " ", "|");
    ban("obj.http.Surrogate-Key ~ (?:^|\s)(?:" + req.http.X-Edge-Tags + ")(?:\s|$)");
    return (synth(200));
}

sub vcl_hash {
    # One site, whatever its name: cdnserve's answers do not depend on Host.
    hash_data(req.url);
    return (lookup);
}

sub vcl_hit {
    # Fresh; stale, but stale-while-revalidate allows it, and Varnish is asking anew already; or cdnserve is down.
    if (obj.ttl > 0s || obj.ttl + std.duration(obj.http.X-Edge-Stale-For, 0s) > 0s || req.http.X-Edge-Stale) {
        return (deliver);
    }
    # Too old: this request waits for the new answer.
    set req.grace = 0s;
    return (restart);
}

sub vcl_backend_response {
    # An error never takes the place of an answer.
    if (beresp.status >= 500) {
        if (bereq.is_bgfetch) {
            return (abandon);
        }
        set beresp.ttl = 0s;
        set beresp.grace = 0s;
        return (deliver);
    }
    if (bereq.uncacheable) {
        return (deliver);
    }
    # What a CDN edge is told stands for what all caches are told (RFC 9213 section 2.2).
    set beresp.http.X-Edge-Control = beresp.http.Cache-Control;
    if (beresp.http.CDN-Cache-Control) {
        set beresp.http.X-Edge-Control = beresp.http.CDN-Cache-Control;
        set beresp.ttl = std.duration(regsub(beresp.http.CDN-Cache-Control, "(?i)^.*max-age=([0-9]+).*$", "\1") + "s", 0s);
    }
    # Not to be kept, or validated before each use: both are asked of cdnserve, with the client's own preconditions, so
    # that it can say 304.
    if (beresp.http.X-Edge-Control ~ "(?i)(?:no-store|no-cache|private)" || beresp.ttl <= 0s) {
        unset beresp.http.X-Edge-Control;
        return (pass(120s));
    }
    # A day in which an answer may stand for an error; that stale-while-revalidate allows less is vcl_hit's business.
    set beresp.http.X-Edge-Stale-For = "0s";
    if (beresp.http.X-Edge-Control ~ "(?i)stale-while-revalidate=[0-9]") {
        set beresp.http.X-Edge-Stale-For = regsub(beresp.http.X-Edge-Control, "(?i)^.*stale-while-revalidate=([0-9]+).*$", "\1s");
    }
    unset beresp.http.X-Edge-Control;
    set beresp.grace = 24h;
    if (std.duration(beresp.http.X-Edge-Stale-For, 0s) > 24h) {
        set beresp.grace = std.duration(beresp.http.X-Edge-Stale-For, 24h);
    }
    # For this long an answer can be made fresh again by a 304.
    set beresp.keep = 30d;
    return (deliver);
}

sub vcl_backend_error {
    set beresp.http.Cache-Control = "no-store";
}

sub vcl_deliver {
    # cdnserve is down: take what there is, however old, if there is anything.
    if (resp.status >= 500 && !req.http.X-Edge-Stale && (req.method == "GET" || req.method == "HEAD")) {
        set req.http.X-Edge-Stale = "1";
        set req.grace = 365d;
        return (restart);
    }
    unset resp.http.X-Edge-Stale-For;
    # Tags are for this edge. Leave Cache-Tag for another one in front of it.
    unset resp.http.Surrogate-Key;
}

sub vcl_synth {
    set resp.http.Cache-Control = "no-store";
}
