import Dispatch
import Foundation
import GatewayCore

/// Runs the program that prints the vault's key, for at most 30 s.
struct KeyCommand {
    let arguments: [String]
    var timeout: Double = 30

    /// Its standard output without the line end. Errors: `vault.key`, naming the program and never its output.
    func run() throws(GatewayError) -> Secret {
        guard let program = arguments.first, program.hasPrefix("/") else {
            throw GatewayError(.vaultKey, "The vault key's command must start with the absolute path of a program.")
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = Array(arguments.dropFirst())
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        do {
            try process.run()
        } catch {
            throw GatewayError(.vaultKey, "The vault key's command \(program) cannot be run.", cause: error)
        }
        let guardTimer = DispatchSource.makeTimerSource(queue: .global())
        let child = process.processIdentifier
        guardTimer.schedule(deadline: .now() + timeout)
        guardTimer.setEventHandler { kill(child, SIGKILL) }
        guardTimer.resume()
        defer { guardTimer.cancel() }

        // One read past the longest key is enough; a program that prints more is stopped by the closed pipe.
        var output = [UInt8]()
        defer { for index in output.indices { output[index] = 0 } }
        output.reserveCapacity(256)
        while output.count <= 80, let part = try? pipe.fileHandleForReading.read(upToCount: 81 - output.count),
            !part.isEmpty
        {
            output.append(contentsOf: part)
        }
        try? pipe.fileHandleForReading.close()
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw GatewayError(
                .vaultKey, "The vault key's command \(program) failed or took longer than \(Int(timeout)) s.")
        }
        while let last = output.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { output.removeLast() }
        return Secret(output)
    }
}
