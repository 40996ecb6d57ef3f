import GatewayCore
import Hummingbird

/// Where the links of notifications lead: says how to look at an approval and how to decide, and shows nothing of it.
struct ApprovalPage {
    let services: ConsoleServices

    func add(to router: Router<ConsoleContext>) {
        let url = services.consoleURL ?? "URL"
        router.get("approvals/{id}") { _, context in
            let id = try context.recordID()
            let text = """
                Approval \(id)

                look at it:  sallyport approvals \(id) --url \(url)
                let it pass: sallyport approve \(id) --url \(url)
                refuse it:   sallyport deny \(id) --reason WHY --url \(url)

                SALLYPORT_TOKEN holds your own token: for audience sallyport to look, sallyport:approve to decide.
                """
            return Response(
                status: .ok,
                headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: text + "\n")))
        }
    }
}
