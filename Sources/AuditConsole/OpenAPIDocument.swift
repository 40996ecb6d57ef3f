/// What the API offers, for generators and people: kept by hand, held against the routes by a test.
enum OpenAPIDocument {
    static let text = #"""
        {
          "openapi": "3.1.0",
          "info": {
            "title": "Sallyport API",
            "version": "1",
            "description": "Sessions, recordings, approvals, tickets and locks of a Sallyport gateway. Auditors and administrators see all sessions, others their own. Every view of a session's entries or recording is itself an entry of the ledger, durable before the answer."
          },
          "paths": {
            "/healthz": {
              "get": {"summary": "Whether the process is alive.", "responses": {"200": {"description": "Alive.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "security": []}
            },
            "/readyz": {
              "get": {"summary": "Whether sessions are admitted.", "responses": {"200": {"description": "Ready.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}}, "503": {"description": "Not ready; the reasons say why.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "security": []}
            },
            "/metrics": {
              "get": {"summary": "Counters in the Prometheus text format.", "responses": {"200": {"description": "Metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "security": []}
            },
            "/api/openapi.json": {
              "get": {"summary": "This document.", "responses": {"200": {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "security": []}
            },
            "/api/v1/sessions": {
              "get": {"summary": "List sessions, newest first.", "responses": {"200": {"description": "A page of sessions.", "content": {"application/json": {"schema": {"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Session"}}, "next": {"type": "string", "description": "Cursor of the next page; absent on the last."}}}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "parameters": [{"name": "principal", "in": "query", "description": "Subject or name of the principal.", "schema": {"type": "string", "maxLength": 512}}, {"name": "agent", "in": "query", "description": "Name of the agent.", "schema": {"type": "string", "maxLength": 512}}, {"name": "run", "in": "query", "description": "The agent run.", "schema": {"type": "string", "maxLength": 512}}, {"name": "connection", "in": "query", "description": "Name of the connection.", "schema": {"type": "string", "maxLength": 512}}, {"name": "outcome", "in": "query", "description": "Sessions with a command that ended so.", "schema": {"type": "string", "enum": ["success", "error", "blocked", "cancelled", "interrupted", "suspended", "skipped"]}}, {"name": "q", "in": "query", "description": "Words that a command's text holds.", "schema": {"type": "string", "maxLength": 512}}, {"name": "since", "in": "query", "description": "From this time on; a date alone is midnight UTC.", "schema": {"type": "string", "format": "date-time"}}, {"name": "until", "in": "query", "description": "Up to this time.", "schema": {"type": "string", "format": "date-time"}}, {"name": "limit", "in": "query", "description": "At most so many.", "schema": {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}}, {"name": "cursor", "in": "query", "description": "The `next` of the page before.", "schema": {"type": "string", "maxLength": 512}}], "security": [{"bearer": []}]}
            },
            "/api/v1/sessions/{id}": {
              "parameters": [{"$ref": "#/components/parameters/id"}],
              "get": {"summary": "One session.", "responses": {"200": {"description": "The session.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Session"}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "security": [{"bearer": []}]},
              "delete": {"summary": "End an open session. Role admin.", "responses": {"204": {"description": "Ended."}, "default": {"$ref": "#/components/responses/Problem"}}, "requestBody": {"content": {"application/json": {"schema": {"type": "object", "required": [], "properties": {"reason": {"type": "string", "maxLength": 512}}}}}, "required": false}, "security": [{"bearer": []}]}
            },
            "/api/v1/sessions/{id}/end": {
              "parameters": [{"$ref": "#/components/parameters/id"}],
              "post": {"summary": "End an open session. Role admin.", "responses": {"204": {"description": "Ended."}, "default": {"$ref": "#/components/responses/Problem"}}, "requestBody": {"content": {"application/json": {"schema": {"type": "object", "required": [], "properties": {"reason": {"type": "string", "maxLength": 512}}}}}, "required": false}, "security": [{"bearer": []}]}
            },
            "/api/v1/sessions/{id}/events": {
              "parameters": [{"$ref": "#/components/parameters/id"}],
              "get": {"summary": "The session's entries, as their canonical leaves.", "responses": {"200": {"description": "A page of entries.", "content": {"application/json": {"schema": {"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Entry"}}, "next": {"type": "string", "description": "Cursor of the next page; absent on the last."}}}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "parameters": [{"name": "limit", "in": "query", "description": "At most so many.", "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 200}}, {"name": "cursor", "in": "query", "description": "The `next` of the page before.", "schema": {"type": "string", "maxLength": 512}}], "security": [{"bearer": []}]}
            },
            "/api/v1/sessions/{id}/recording": {
              "parameters": [{"$ref": "#/components/parameters/id"}],
              "get": {"summary": "The session's timeline: commands with text, parameters, verdict, answer and outcome.", "responses": {"200": {"description": "A page of exchanges.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Recording"}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "parameters": [{"name": "limit", "in": "query", "description": "At most so many.", "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}}, {"name": "cursor", "in": "query", "description": "The `next` of the page before.", "schema": {"type": "string", "maxLength": 512}}], "security": [{"bearer": []}]}
            },
            "/api/v1/approvals": {
              "get": {"summary": "List approvals that the caller may decide, asked for, or may see by role.", "responses": {"200": {"description": "A page of approvals.", "content": {"application/json": {"schema": {"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Approval"}}, "next": {"type": "string", "description": "Cursor of the next page; absent on the last."}}}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "parameters": [{"name": "state", "in": "query", "description": "Only these.", "schema": {"type": "string", "enum": ["pending", "approved", "denied", "expired", "withdrawn", "consumed"]}}, {"name": "limit", "in": "query", "description": "At most so many.", "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}}, {"name": "cursor", "in": "query", "description": "The `next` of the page before.", "schema": {"type": "string", "maxLength": 512}}], "security": [{"bearer": []}]}
            },
            "/api/v1/approvals/{id}": {
              "parameters": [{"$ref": "#/components/parameters/id"}],
              "get": {"summary": "One approval.", "responses": {"200": {"description": "The approval.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Approval"}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "security": [{"bearer": []}]}
            },
            "/api/v1/approvals/{id}/approve": {
              "parameters": [{"$ref": "#/components/parameters/id"}],
              "post": {"summary": "Let the held command pass, once.", "responses": {"200": {"description": "The approval afterwards.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Approval"}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "requestBody": {"content": {"application/json": {"schema": {"type": "object", "required": [], "properties": {"reason": {"type": "string", "maxLength": 512}}}}}, "required": false}, "security": [{"approval": []}]}
            },
            "/api/v1/approvals/{id}/deny": {
              "parameters": [{"$ref": "#/components/parameters/id"}],
              "post": {"summary": "Refuse the held command.", "responses": {"200": {"description": "The approval afterwards.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Approval"}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "requestBody": {"content": {"application/json": {"schema": {"type": "object", "required": [], "properties": {"reason": {"type": "string", "maxLength": 512}}}}}, "required": false}, "security": [{"approval": []}]}
            },
            "/api/v1/connections": {
              "get": {"summary": "Connections that the caller may use.", "responses": {"200": {"description": "Connections.", "content": {"application/json": {"schema": {"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Connection"}}, "next": {"type": "string", "description": "Cursor of the next page; absent on the last."}}}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "security": [{"bearer": []}]}
            },
            "/api/v1/tickets": {
              "get": {"summary": "The caller's open tickets.", "responses": {"200": {"description": "Tickets, without their secrets.", "content": {"application/json": {"schema": {"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Ticket"}}, "next": {"type": "string", "description": "Cursor of the next page; absent on the last."}}}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "security": [{"bearer": []}]},
              "post": {"summary": "Exchange the token for a ticket.", "responses": {"201": {"description": "The ticket with its secret, shown this once.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ticket"}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "requestBody": {"content": {"application/json": {"schema": {"type": "object", "required": [], "properties": {"ttl": {"type": "integer", "minimum": 1, "maximum": 2592000, "default": 3600, "description": "Seconds; never longer than the token."}, "use": {"type": "string", "enum": ["once", "many"], "default": "many"}}}}}, "required": false}, "security": [{"bearer": []}]}
            },
            "/api/v1/tickets/{id}": {
              "parameters": [{"$ref": "#/components/parameters/id"}],
              "delete": {"summary": "Revoke a ticket: one's own, or any with role admin.", "responses": {"204": {"description": "Revoked."}, "default": {"$ref": "#/components/responses/Problem"}}, "security": [{"bearer": []}]}
            },
            "/api/v1/exports": {
              "post": {"summary": "Record that the caller exports the record, or one session of it, from the data folder. Role admin or auditor.", "responses": {"204": {"description": "Recorded; the export may begin."}, "default": {"$ref": "#/components/responses/Problem"}}, "requestBody": {"content": {"application/json": {"schema": {"type": "object", "required": [], "properties": {"session": {"type": "string", "format": "uuid"}}}}}, "required": false}, "security": [{"bearer": []}]}
            },
            "/api/v1/locks": {
              "get": {"summary": "The locks that stand. Role admin or auditor.", "responses": {"200": {"description": "Locks.", "content": {"application/json": {"schema": {"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Lock"}}, "next": {"type": "string", "description": "Cursor of the next page; absent on the last."}}}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "security": [{"bearer": []}]},
              "post": {"summary": "Set a lock. Role admin.", "responses": {"201": {"description": "The lock.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Lock"}}}}, "default": {"$ref": "#/components/responses/Problem"}}, "requestBody": {"content": {"application/json": {"schema": {"type": "object", "required": ["reason"], "properties": {"principal": {"type": "string"}, "issuer": {"type": "string", "description": "With principal only; absent for any issuer."}, "agent": {"type": "string"}, "run": {"type": "string"}, "connection": {"type": "string"}, "reason": {"type": "string", "maxLength": 512}}, "description": "Exactly one of principal, agent, run and connection."}}}, "required": true}, "security": [{"bearer": []}]}
            },
            "/api/v1/locks/{id}": {
              "parameters": [{"$ref": "#/components/parameters/id"}],
              "delete": {"summary": "Lift a lock. Role admin.", "responses": {"204": {"description": "Lifted."}, "default": {"$ref": "#/components/responses/Problem"}}, "security": [{"bearer": []}]}
            }
          },
          "components": {
            "securitySchemes": {
              "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A token of a configured issuer for audience `sallyport`."},
              "approval": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A person's own token for audience `sallyport:approve`, without an agent in it."}
            },
            "parameters": {
              "id": {"name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}}
            },
            "responses": {
              "Problem": {"description": "What went wrong (RFC 9457).", "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
            },
            "schemas": {
              "Problem": {"type": "object", "required": ["type", "title", "status", "code", "detail"], "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "code": {"type": "string"}, "detail": {"type": "string"}}},
              "Health": {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}, "reasons": {"type": "array", "items": {"type": "string"}}}},
              "Principal": {"type": "object", "required": ["issuer", "subject"], "properties": {"issuer": {"type": "string"}, "subject": {"type": "string"}, "name": {"type": "string"}}},
              "Agent": {"type": "object", "required": [], "properties": {"name": {"type": "string"}, "model": {"type": "string"}, "run": {"type": "string"}, "purpose": {"type": "string"}, "on_behalf_of": {"type": "string"}, "traceparent": {"type": "string"}, "trust": {"type": "string", "enum": ["verified", "claimed"]}}},
              "Session": {"type": "object", "required": ["id", "state", "connection", "kind", "opened", "commands", "blocked", "held", "errors", "rows"], "properties": {"id": {"type": "string", "format": "uuid"}, "state": {"type": "string", "enum": ["open", "closed", "interrupted"]}, "principal": {"$ref": "#/components/schemas/Principal"}, "agent": {"$ref": "#/components/schemas/Agent"}, "connection": {"type": "string"}, "kind": {"type": "string"}, "database": {"type": "string"}, "role": {"type": "string"}, "client_address": {"type": "string"}, "opened": {"type": "string", "format": "date-time"}, "closed": {"type": "string", "format": "date-time"}, "reason": {"type": "string"}, "commands": {"type": "integer"}, "blocked": {"type": "integer"}, "held": {"type": "integer"}, "errors": {"type": "integer"}, "rows": {"type": "integer"}, "durability": {"type": "string"}}},
              "Entry": {"type": "object", "required": ["id", "seq", "session", "time", "type", "v"], "description": "A ledger leaf; `time` is microseconds since 1970 UTC, `content` holds commitments only.", "properties": {"id": {"type": "string", "format": "uuid"}, "seq": {"type": "integer"}, "session": {"type": "string", "format": "uuid"}, "time": {"type": "integer"}, "type": {"type": "string"}, "v": {"type": "integer"}}, "additionalProperties": true},
              "Recording": {"type": "object", "required": ["session", "exchanges"], "properties": {"session": {"$ref": "#/components/schemas/Session"}, "exchanges": {"type": "array", "items": {"$ref": "#/components/schemas/Exchange"}}, "next": {"type": "string"}}},
              "Exchange": {"type": "object", "required": ["exchange", "time", "steps"], "properties": {"exchange": {"type": "integer"}, "time": {"type": "string", "format": "date-time"}, "text": {"type": "string"}, "parameters": {"type": "array", "items": {"type": ["string", "null"]}}, "verb": {"type": "string"}, "classes": {"type": "array", "items": {"type": "string"}}, "objects": {"type": "array", "items": {"type": "string"}}, "verdict": {"type": "string", "enum": ["allow", "hold", "block"]}, "rules": {"type": "array", "items": {"type": "string"}}, "policy": {"type": "string"}, "approval": {"type": "object", "required": [], "properties": {"id": {"type": "string", "format": "uuid"}, "approver": {"$ref": "#/components/schemas/Principal"}, "reason": {"type": "string"}}}, "refusal": {"type": "string"}, "substituted": {"type": "string"}, "continues": {"type": "integer"}, "outcome": {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}, "code": {"type": "string"}, "tag": {"type": "string"}, "error": {"type": "string"}}}, "rows": {"type": "integer"}, "bytes_in": {"type": "integer"}, "bytes_out": {"type": "integer"}, "duration_micros": {"type": "integer"}, "wait_micros": {"type": "integer"}, "answer": {"$ref": "#/components/schemas/Answer"}, "input": {"type": "string"}, "steps": {"type": "array", "items": {"type": "object", "required": ["type", "time"], "properties": {"type": {"type": "string"}, "time": {"type": "string", "format": "date-time"}}}}}},
              "Answer": {"type": "object", "required": ["results", "notices", "is_truncated"], "properties": {"results": {"type": "array", "items": {"type": "object", "required": ["columns", "rows"], "properties": {"columns": {"type": "array", "items": {"type": "string"}}, "rows": {"type": "array", "items": {"type": "array", "items": {"type": ["string", "null"]}}}, "tag": {"type": "string"}}}}, "notices": {"type": "array", "items": {"type": "string"}}, "error": {"type": "string"}, "copy": {"type": "array", "items": {"type": "string"}}, "is_truncated": {"type": "boolean"}}},
              "Approval": {"type": "object", "required": ["id", "state", "requester", "session", "connection", "database", "text", "rules", "groups", "count", "created", "expires", "approvals"], "properties": {"id": {"type": "string", "format": "uuid"}, "state": {"type": "string"}, "requester": {"$ref": "#/components/schemas/Principal"}, "agent": {"$ref": "#/components/schemas/Agent"}, "session": {"type": "string", "format": "uuid"}, "connection": {"type": "string"}, "database": {"type": "string"}, "text": {"type": "string"}, "rules": {"type": "array", "items": {"type": "string"}}, "message": {"type": "string"}, "groups": {"type": "array", "items": {"type": "string"}}, "count": {"type": "integer"}, "created": {"type": "string", "format": "date-time"}, "expires": {"type": "string", "format": "date-time"}, "approvals": {"type": "array", "items": {"$ref": "#/components/schemas/Decision"}}, "denial": {"$ref": "#/components/schemas/Decision"}}},
              "Decision": {"type": "object", "required": ["by", "at"], "properties": {"by": {"$ref": "#/components/schemas/Principal"}, "at": {"type": "string", "format": "date-time"}, "reason": {"type": "string"}}},
              "Connection": {"type": "object", "required": ["name", "kind", "database", "is_read_only", "guards", "is_masked", "labels"], "properties": {"name": {"type": "string"}, "kind": {"type": "string"}, "database": {"type": "string"}, "databases": {"type": "array", "items": {"type": "string"}}, "is_read_only": {"type": "boolean"}, "guards": {"type": "array", "items": {"type": "string"}}, "is_masked": {"type": "boolean"}, "labels": {"type": "object", "additionalProperties": {"type": "string"}}}},
              "Ticket": {"type": "object", "required": ["id", "principal", "use", "expires"], "properties": {"id": {"type": "string", "format": "uuid"}, "secret": {"type": "string"}, "principal": {"$ref": "#/components/schemas/Principal"}, "use": {"type": "string"}, "expires": {"type": "string", "format": "date-time"}}},
              "Lock": {"type": "object", "required": ["id", "target", "value", "reason", "author", "since"], "properties": {"id": {"type": "string", "format": "uuid"}, "target": {"type": "string"}, "value": {"type": "string"}, "issuer": {"type": "string"}, "reason": {"type": "string"}, "author": {"type": "string"}, "since": {"type": "string", "format": "date-time"}}}
            }
          }
        }
        """#
}
