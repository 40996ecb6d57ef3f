import GatewayCore

/// Why a decision on an approval was not taken.
package enum ApprovalError: Error, Sendable, Hashable {
    case unknown
    case settled(Approval.State)
    case requester
    case actedFor
    case agent
    case machine
    case notAPerson
    case notInGroups([String])
    case alreadyApproved
    case tokenExpired
    case notGranted(Approval.State)
    case otherCommand
    case tooMany(Int)
}

extension ApprovalError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknown: "There is no such approval."
        case .settled(let state): "The approval is \(state.rawValue) already."
        case .requester: "The requester cannot decide on their own command; ask another member of the approver groups."
        case .actedFor:
            "The agent acts for you, so you cannot decide on its command; ask another member of the approver groups."
        case .agent: "An agent cannot decide; sign in yourself, without an agent in the token."
        case .machine:
            "A program cannot decide, and this token was got by one with credentials of its own; sign in yourself."
        case .notAPerson: "Only people decide: your issuer is not marked `people: true`."
        case .notInGroups(let groups): "Only members of \(groups.joined(separator: ", ")) may decide on this command."
        case .alreadyApproved: "You have approved this already; another person must be the next."
        case .tokenExpired: "Your token has expired; sign in again."
        case .notGranted(let state): "The approval is \(state.rawValue), not approved, so it grants nothing."
        case .otherCommand: "The approval was given for another command, and grants nothing here."
        case .tooMany(let limit): "\(limit) approvals are pending already; try again when some are settled."
        }
    }
}
