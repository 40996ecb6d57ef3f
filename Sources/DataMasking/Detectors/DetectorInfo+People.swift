extension DetectorInfo {
    static let personal: [DetectorInfo] = [
        entry("email", .personal, "e-mail address (RFC 5321, 6531)", "ada@example.com"),
        entry(
            "credit_card", .personal, "payment card, 13 to 19 digits: issuer range and Luhn digit",
            "4111 1111 1111 1111"),
        entry(
            "iban", .personal, "bank account (ISO 13616): the country's length, modulo 97",
            "DE89 3704 0044 0532 0130 00"),
        entry(
            "us_ssn", .national, "United States social security number; without dashes near a keyword",
            "123-45-6789", near: ["ssn", "social security", "social_security", "socialsecurity"]),
        entry(
            "phone", .personal, "phone number: E.164 with a known country code, national forms, any near a keyword",
            "+44 20 7946 0958",
            near: [
                "phone", "telephone", "tel", "mobile", "cell", "fax", "whatsapp", "sms", "telefon", "handy", "msisdn",
            ]),
        entry("ipv4", .network, "IPv4 address", "192.0.2.17"),
        entry("ipv6", .network, "IPv6 address (RFC 4291)", "2001:db8::8a2e:370:7334"),
        entry("mac_address", .personal, "hardware address of 48 bits", "00:00:5e:00:53:af"),
        entry(
            "imei", .personal, "device number: 15 digits, Luhn, near a keyword", "IMEI 490154203237518", near: ["imei"]),
        entry(
            "date_of_birth", .personal, "date near a word such as birth, dob, born", "born 1980-05-17",
            near: ["birth", "birthday", "birthdate", "dob", "born", "geburtsdatum", "naissance", "nacimiento"],
            showsTail: false),
    ]

    static let national: [DetectorInfo] = [
        entry(
            "us_itin", .national, "United States taxpayer number of the ranges given out", "912-71-1234",
            near: ["itin", "taxpayer"]),
        entry(
            "uk_nhs", .national, "United Kingdom health number: modulo 11; without spaces near a keyword",
            "943 476 5919",
            near: ["nhs", "patient"]),
        entry("uk_nino", .national, "United Kingdom national insurance number", "AB 12 34 56 C"),
        entry(
            "de_tax_id", .national, "Germany, tax number: one digit repeated, ISO 7064 modulo 11, 10", "86 095 742 719"),
        entry("fr_nir", .national, "France, social security number: modulo 97", "1 84 12 76 451 089 46"),
        entry("es_dni", .national, "Spain, DNI and NIE: check letter", "12345678Z"),
        entry("it_codice_fiscale", .national, "Italy, tax code: check letter", "RSSMRA85T10A562S"),
        entry(
            "nl_bsn", .national, "Netherlands, citizen number: eleven test, near a keyword", "BSN 111222333",
            near: ["bsn", "burgerservicenummer", "sofinummer"]),
        entry("be_national_number", .national, "Belgium, national number: date and modulo 97", "85.07.30-033.28"),
        entry("pl_pesel", .national, "Poland, PESEL: date and check digit", "44051401359"),
        entry("se_personnummer", .national, "Sweden, personal number: date and Luhn digit", "811228-9874"),
        entry("no_fodselsnummer", .national, "Norway, birth number: date and two check digits", "01010750160"),
        entry("dk_cpr", .national, "Denmark, CPR number: date; written with its dash", "070761-4285"),
        entry("fi_hetu", .national, "Finland, identity code: date and check character", "131052-308T"),
        entry("ch_ahv", .national, "Switzerland, AHV number: 756 and EAN-13 digit", "756.9217.0769.85"),
        entry(
            "at_svnr", .national, "Austria, insurance number: date and modulo 11", "1237 010180",
            near: ["svnr", "sozialversicherungsnummer", "sv-nr", "versicherungsnummer"]),
        entry("ie_pps", .national, "Ireland, PPS number: modulo 23 letter", "1234567T"),
        entry(
            "pt_nif", .national, "Portugal, tax number: modulo 11, near a keyword", "NIF 123456789",
            near: ["nif", "contribuinte"]),
        entry("br_cpf", .national, "Brazil, CPF: two check digits", "111.444.777-35"),
        entry("br_cnpj", .national, "Brazil, CNPJ: two check digits", "11.222.333/0001-81"),
        entry("mx_curp", .national, "Mexico, CURP: check digit", "HEGG560427MVZRRL04"),
        entry(
            "ca_sin", .national, "Canada, insurance number: Luhn; without separators near a keyword", "046-454-286",
            near: ["sin", "social insurance", "nas"]),
        entry(
            "au_tfn", .national, "Australia, tax file number: modulo 11; without spaces near a keyword", "123 456 782",
            near: ["tfn", "tax file"]),
        entry(
            "in_aadhaar", .national, "India, Aadhaar: Verhoeff digit; without spaces near a keyword", "2341 2341 2346",
            near: ["aadhaar", "aadhar", "uidai"]),
        entry("in_pan", .national, "India, permanent account number", "ABCPE1234F"),
        entry(
            "cn_resident_id", .national, "China, resident number: date and ISO 7064 modulo 11-2", "11010519491231002X"),
        entry("kr_rrn", .national, "South Korea, resident number: date and century digit", "900101-1234567"),
        entry(
            "jp_my_number", .national, "Japan, My Number: check digit; without spaces near a keyword", "1234 5678 9018",
            near: ["my number", "mynumber", "my_number"]),
        entry("sg_nric", .national, "Singapore, NRIC and FIN: check letter", "S1234567D"),
        entry("za_id", .national, "South Africa, identity number: date and Luhn digit", "8001015009087"),
        entry("tr_tckn", .national, "Turkey, identity number: two check digits", "10000000146"),
        entry(
            "us_routing", .national, "United States bank routing number: check digit, near a keyword", "ABA 021000021",
            near: ["aba", "routing", "rtn"]),
    ]
}
