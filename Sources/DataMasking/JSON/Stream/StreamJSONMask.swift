package import GatewayCore

/// JSON that cannot be read, so that nobody knows where its values are.
package struct MalformedJSON: Error, Sendable, Hashable {
    /// For a log or an answer; holds nothing of the content.
    package var message: String

    init(_ message: String) { self.message = message }
}

/// Masks JSON values (RFC 8259), one or several behind each other, as they pass: for any cut of the input the same bytes
/// come out, and what no mask is about comes out byte for byte.
///
/// What paths name becomes a string, or null; so does a number that a detector finds something in. Within other strings,
/// names of members included, finds are replaced; there `null` counts as `redact`, as a part of a text cannot be null.
/// Detectors read the text with the escapes of its strings taken off, with what stands around a string: so a name says
/// what its value is.
///
/// Three steps: the reader takes escapes off and notes where what is, the scanner finds, the writer puts all together. At
/// most about 9 KiB of the content and one value that a path names (its first 4 KiB) are held.
package struct StreamJSONMask: Sendable {
    private var reader: JSONTextReader
    private var scanner: StreamScanner
    private var writer: JSONTextWriter

    /// - Parameter scanner: what is searched for in what no path names; it may be empty.
    package init(paths: [(JSONPath, MaskMethod)], scanner: Scanner, key: MaskKey) {
        reader = JSONTextReader(paths: JSONMask(paths: paths, scanner: nil), key: key)
        self.scanner = StreamScanner(scanner)
        writer = JSONTextWriter(key: key)
    }

    /// Appends the masked form of as much as can be told yet. After an error nothing more is read.
    package mutating func take(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) throws(MalformedJSON) {
        try reader.take(bytes)
        pass(into: &output)
    }

    /// Appends the rest: nothing follows. Errors: a value that has no end.
    package mutating func finish(into output: inout [UInt8]) throws(MalformedJSON) {
        try reader.finish()
        pass(into: &output)
        swap(&writer.output, &output)
        scanner.finish(&writer)
        writer.settle()
        swap(&writer.output, &output)
    }

    private mutating func pass(into output: inout [UInt8]) {
        swap(&writer.output, &output)
        writer.note(reader.notes)
        reader.text.withUnsafeBytes { scanner.take($0, &writer) }
        reader.drop()
        writer.settle()
        swap(&writer.output, &output)
    }
}

/// What a place in the text between reader and scanner is.
struct JSONNote {
    enum Kind {
        /// A string's content begins here.
        case open
        /// A string's content ends here.
        case close
        /// So many bytes from here on were written as these.
        case escape(count: Int, written: [UInt8])
        case word
        case wordEnd
        /// These stand here in the output; the text has nothing of them.
        case insert([UInt8])
    }

    /// From the beginning of the text.
    var place: Int
    var kind: Kind
}
