import GatewayCore
import NIOCore
import SessionKernel

/// A refusal in HTTP's own words: `application/problem+json` (RFC 9457).
enum Problem {
    /// - Parameter isHead: the answer to a HEAD, which has no body.
    static func response(
        _ refusal: Refusal, isHead: Bool = false, version: Int = 1, closes: Bool, isAccepted: Bool = false
    ) -> ByteBuffer {
        let status = isAccepted ? .accepted : HTTPStatus(refusal)
        let body = body(refusal, status)
        var buffer = ByteBuffer()
        buffer.writeString("HTTP/1.1 \(status.code) \(status.title)\r\nContent-Type: application/problem+json\r\n")
        buffer.writeString("Content-Length: \(body.utf8.count)\r\nCache-Control: no-store\r\n")
        if status.code == 401 {
            buffer.writeStaticString("WWW-Authenticate: Bearer realm=\"sallyport\", Basic realm=\"sallyport\"\r\n")
        }
        if status.code == 503 { buffer.writeStaticString("Retry-After: 5\r\n") }
        if isAccepted { buffer.writeStaticString("Preference-Applied: respond-async\r\n") }
        if refusal.approval != nil { buffer.writeStaticString("Retry-After: 10\r\n") }
        if status.code == 426 {
            // RFC 6455 section 4.4, RFC 9110 section 15.5.22.
            buffer.writeStaticString("Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: upgrade\r\n")
        }
        if closes {
            buffer.writeStaticString("Connection: close\r\n")
        } else if version == 0 {
            buffer.writeStaticString("Connection: keep-alive\r\n")
        }
        buffer.writeStaticString("\r\n")
        if !isHead { buffer.writeString(body) }
        return buffer
    }

    private static func body(_ refusal: Refusal, _ status: HTTPStatus) -> String {
        var members = [
            ("type", quoted("urn:sallyport:" + status.type)), ("title", quoted(status.title)),
            ("status", String(status.code)), ("detail", quoted(refusal.message)), ("message", quoted(refusal.message)),
        ]
        if let rule = refusal.rules.first {
            members.append(("rule", quoted(rule)))
            members.append(("rules", "[" + refusal.rules.map(quoted).joined(separator: ",") + "]"))
        }
        if let approval = refusal.approval { members.append(("approval", quoted(approval.description))) }
        if let hint = refusal.hint { members.append(("hint", quoted(hint))) }
        return "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}\n"
    }

    /// RFC 8259 section 7.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// The status that stands for a refusal: its own where the code is one, else what its SQLSTATE comes to.
struct HTTPStatus {
    let code: Int
    /// The last part of the problem's type.
    let type: String

    /// The request will run once it is approved and sent again, and the client said that it does not wait.
    static let accepted = HTTPStatus(code: 202, type: "approval-pending")

    private init(code: Int, type: String) {
        (self.code, self.type) = (code, type)
    }

    init(_ refusal: Refusal) {
        if refusal.approval != nil {
            (code, type) = (403, "approval-pending")
            return
        }
        if let own = Int(refusal.code), refusal.code.utf8.count == 3 {
            (code, type) = (own, own == 501 ? "not-available" : own < 500 ? "bad-request" : "target")
            return
        }
        (code, type) =
            switch refusal.code {
            case "28P01": (401, "unauthenticated")
            case "28000", "3D000": (403, "forbidden")
            case "42501": (403, "refused")
            case "53300": (503, "busy")
            case "54000": (413, "limit")
            case "57014": (504, "limit")
            case "57P01": (503, "ended")
            case "57P05": (401, "expired")
            case "58030", "58000": (503, "not-recording")
            case "08001": (502, "target")
            case "08006": (502, "target")
            case "08P01": (400, "bad-request")
            default: (500, "fault")
            }
    }

    var title: String {
        switch code {
        case 202: "Accepted"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 417: "Expectation Failed"
        case 426: "Upgrade Required"
        case 431: "Request Header Fields Too Large"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: code < 500 ? "Bad Request" : "Internal Server Error"
        }
    }
}
