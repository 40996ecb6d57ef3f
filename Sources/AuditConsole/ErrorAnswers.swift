import AuditStore
import GatewayCore
import Hummingbird
import Logging

/// Outermost: every error becomes problem+json, every answer says that it is not to be kept or sniffed.
struct ErrorAnswers: RouterMiddleware {
    let allowed: AllowedMethods

    func handle(
        _ request: Request, context: ConsoleContext, next: (Request, ConsoleContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await next(request, context)
        } catch let problem as Problem {
            response = problem.response
        } catch let error as any HTTPResponseError {
            response = problem(for: error.status, path: request.uri.path).response
        } catch let error as GatewayError where error.code == .badQuery {
            response = Problem(.badRequest, error.code.description, error.message).response
        } catch let error as GatewayError {
            context.logger.error(
                "console request failed", metadata: ["code": "\(error.code)", "message": "\(error.message)"])
            response = Problem(.serviceUnavailable, error.code.description, error.message).response
        } catch {
            context.logger.error("console request failed", metadata: ["type": "\(type(of: error))"])
            response =
                Problem(.internalServerError, "internal", "The gateway could not answer; its log says more.").response
        }
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        response.headers[.xContentTypeOptions] = "nosniff"
        return response
    }

    private func problem(for status: HTTPResponse.Status, path: String) -> Problem {
        switch status.code {
        case 404:
            // Thrown by the router itself: no route of this method and path.
            Problem.notAllowed(allowed.methods(of: path)) ?? .notFound
        case 413:
            Problem(status, "too_large", "The body is too large.")
        default:
            Problem(status, "bad_request", status.reasonPhrase)
        }
    }
}
