import GatewayCore
import NIOCore
import SQLAnalysis
package import SessionKernel

extension PostgresDialect {
    /// Texts, types, formats and values, and what the session began with that a text's meaning may hang on. Not for what
    /// was not understood, names something of the session, or may lean on what the session did before.
    package func standalone(_ command: Command) -> StandaloneCommand? {
        guard !leansOnSession, !builtInsAreHidden, let note = notes.last(where: { $0.id == command.id }),
            note.meanings.count == 1, let meaning = note.meanings.first, meaning.notUnderstood == nil,
            !meaning.effects.changesMeaning, let text = meaning.analysis?.text,
            meaning.facts.allSatisfy(Self.isWhole)
        else { return nil }
        var circumstances = ByteBuffer()
        for (name, value) in clientSignIn.parameters
        where ["search_path", "options"].contains(name.lowercased()) {
            Self.add(name.lowercased().utf8, to: &circumstances)
            Self.add(value.utf8, to: &circumstances)
        }
        var bytes = ByteBuffer()
        Self.add(text, to: &bytes)
        switch note.kind {
        case .query:
            bytes.writeInteger(FrontendType.query)
        case .bind:
            guard let bind = BindMessage(command.bytes) else { return nil }
            bytes.writeInteger(FrontendType.bind)
            Self.addNumbers(meaning.parameterTypes, to: &bytes)
            Self.addNumbers(bind.parameterFormats, to: &bytes)
            Self.addNumbers(bind.resultFormats, to: &bytes)
            bytes.writeInteger(UInt32(clamping: bind.parameters.count))
            for value in bind.parameters {
                bytes.writeInteger(UInt8(value == nil ? 0 : 1))
                if let value { Self.add(value.readableBytesView, to: &bytes) }
            }
        case .parse, .execute, .functionCall, .oversized:
            return nil
        }
        return StandaloneCommand(circumstances: circumstances, command: bytes)
    }

    /// Says by itself what it does: neither gives, nor runs, nor reads by a name of the session.
    private static func isWhole(_ facts: StatementFacts) -> Bool {
        facts.name == nil && facts.inner.isEmpty
            && facts.classes.isDisjoint(with: [.session, .unknown, .functionCall])
    }

    // Everything with its length, so that no two commands have one form.

    private static func add(_ part: some Collection<UInt8>, to bytes: inout ByteBuffer) {
        bytes.writeInteger(UInt64(part.count))
        bytes.writeBytes(part)
    }

    private static func addNumbers(_ parts: [some FixedWidthInteger], to bytes: inout ByteBuffer) {
        bytes.writeInteger(UInt64(parts.count))
        for part in parts { bytes.writeInteger(part) }
    }
}
