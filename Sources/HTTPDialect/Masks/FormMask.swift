import DataMasking
import HTTPContent
import NIOCore

/// `application/x-www-form-urlencoded`, which is masked when it is there whole; fields that no mask is about stay as they
/// were written.
struct FormMask: ContentMasking {
    /// More than forms have; files go another way.
    static let longest = 1 << 20

    private let mask: ContentMask
    private var form: [UInt8] = []

    init(_ mask: ContentMask) { self.mask = mask }

    mutating func take(_ piece: ByteBuffer, into output: inout ByteBuffer) throws(ContentFault) {
        guard form.count + piece.readableBytes <= Self.longest else {
            throw ContentFault(.tooLarge, "A form is over the limit of \(Self.longest) bytes.")
        }
        form += piece.readableBytesView
    }

    mutating func finish(into output: inout ByteBuffer) throws(ContentFault) {
        output.writeBytes(try Self.masked(form, mask) ?? form)
    }

    /// The masked form of a form or a query; nil when it stays as it is.
    static func masked(_ form: [UInt8], _ mask: ContentMask) throws(ContentFault) -> [UInt8]? {
        var output: [UInt8] = []
        output.reserveCapacity(form.count)
        var isChanged = false
        for (place, part) in form.split(separator: 0x26, omittingEmptySubsequences: false).enumerated() {
            guard place < URLEncodedForm.most else { throw ContentFault(.tooLarge, "A form has too many fields.") }
            if place > 0 { output.append(0x26) }
            guard let field = try URLEncodedForm.read(part).first else { continue }
            if let masked = masked(field, mask) {
                isChanged = true
                output += URLEncodedForm.write([masked])
            } else {
                output += part
            }
        }
        return isChanged ? output : nil
    }

    private static func masked(_ field: URLEncodedForm.Field, _ mask: ContentMask) -> URLEncodedForm.Field? {
        let name = field.name[...].text
        let value = mask.masked(field.value, name: name, by: mask.method(ofField: name))
        let shown = mask.masked(field.name, name: "", by: nil)
        guard value != nil || shown != nil else { return nil }
        return URLEncodedForm.Field(name: shown ?? field.name, value: value ?? field.value)
    }
}
