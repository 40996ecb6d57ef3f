import ArgumentParser
import AuditConsole
import DataMasking

/// What masks can look for.
struct DetectorsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detectors", abstract: "List the detectors that masks may name under `detect`.")

    struct View: Codable {
        var name: String
        var group: String
        var finds: String
        var example: String
        /// Without one of these nearby, or in the column's name, a value does not count.
        var keywords: [String]
    }

    @Flag(name: .long, help: "Print JSON.") var json = false

    func run() async throws {
        let views = DetectorInfo.all.map {
            View(
                name: $0.name, group: $0.group.rawValue, finds: $0.summary, example: $0.example, keywords: $0.keywords)
        }
        if json { return Output.line(String(decoding: ConsoleJSON.encode(views), as: UTF8.self)) }
        Output.table(["DETECTOR", "GROUP", "FINDS"], views.map { [$0.name, $0.group, $0.finds] })
        Output.line()
        Output.table(["GROUP", "STANDS FOR"], DetectorInfo.Group.allCases.map { [$0.rawValue, $0.summary] })
    }
}
