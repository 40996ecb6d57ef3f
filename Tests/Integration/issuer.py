"""A small OpenID issuer for tests: discovery, keys, and tokens of any shape, good or bad."""

import base64
import http.server
import json
import ssl
import threading
import time
import urllib.parse

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa


def _number(value, length=None):
    length = length or (value.bit_length() + 7) // 8
    return base64.urlsafe_b64encode(value.to_bytes(length, "big")).rstrip(b"=").decode()


class Key:
    def __init__(self, name, algorithm="RS256"):
        self.name, self.algorithm = name, algorithm
        if algorithm == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
        else:
            self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public(self):
        if self.algorithm == "ES256":
            numbers = self.private.public_key().public_numbers()
            return {"kty": "EC", "crv": "P-256", "kid": self.name, "use": "sig", "alg": "ES256",
                    "x": _number(numbers.x, 32), "y": _number(numbers.y, 32)}
        numbers = self.private.public_key().public_numbers()
        return {"kty": "RSA", "kid": self.name, "use": "sig", "alg": self.algorithm, "n": _number(numbers.n),
                "e": _number(numbers.e)}

    @property
    def public_pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


class Issuer:
    """Serves `/.well-known/openid-configuration`, `/keys` and `/introspect` (RFC 7662) on 127.0.0.1.

    `certificate`: (certificate, key), to be served over TLS.
    """

    def __init__(self, certificate=None):
        self.keys = [Key("first")]
        # Tokens that do not hold any more; whether questions are answered at all; what came as client credentials.
        self.revoked, self.is_silent, self.clients = set(), False, []
        self.fetched = []
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.fetched.append(self.path)
                if self.path == "/.well-known/openid-configuration":
                    body = {"issuer": issuer.url, "jwks_uri": issuer.url + "/keys",
                            "authorization_endpoint": issuer.url + "/authorize", "token_endpoint": issuer.url + "/token",
                            "introspection_endpoint": issuer.url + "/introspect",
                            "response_types_supported": ["code"], "subject_types_supported": ["public"],
                            "id_token_signing_alg_values_supported": ["RS256", "ES256"]}
                elif self.path == "/keys":
                    body = {"keys": [key.public for key in issuer.keys]}
                else:
                    self.send_error(404)
                    return
                data = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self):
                issuer.fetched.append(self.path)
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                issuer.clients.append(base64.b64decode(self.headers["Authorization"].split()[1]).decode())
                if self.path != "/introspect" or issuer.is_silent:
                    self.send_error(503)
                    return
                data = json.dumps({"active": form["token"][0] not in issuer.revoked}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def token(self, key=None, headers=None, without=(), **claims):
        key = key or self.keys[0]
        now = int(time.time())
        body = {"iss": self.url, "aud": "sallyport", "sub": "oidc-user", "groups": ["agents"], "iat": now,
                "nbf": now, "exp": now + 600, **claims}
        for name in without:
            body.pop(name)
        return jwt.encode(body, key.private, algorithm=key.algorithm, headers={"kid": key.name, **(headers or {})})
