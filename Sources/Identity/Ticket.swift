package import GatewayCore

/// What is known of a ticket without its secret.
package struct Ticket: Sendable, Hashable {
    package enum Use: String, Sendable {
        case once
        case many
    }

    package let id: RecordID
    package let principal: Principal
    package let use: Use
    /// Never later than the token that it was exchanged for.
    package let expires: Timestamp
}

/// A ticket as its owner gets it: the only moment at which the secret exists here.
package struct IssuedTicket: Sendable {
    package let secret: String
    package let ticket: Ticket
}

/// A ticket that was accepted: whom it stands for, and its id, which a revocation names.
package struct RedeemedTicket: Sendable {
    package let id: RecordID
    package let identity: VerifiedIdentity
}
